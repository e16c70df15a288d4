// The lines of `map`, one entry after the other. There may be millions, so
// text is appended to a buffer that the caller empties.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "compat/profile.h"

namespace instar::compat {

// A run of guest-visible bytes.
struct MapEntry {
  uint64_t start = 0;   // bytes
  uint64_t length = 0;  // bytes
  uint32_t depth = 0;   // of the layer that holds it; 0 is the top
  bool present = false;
  bool zero = false;
  bool data = false;
  bool compressed = false;
  bool has_offset = false;
  uint64_t offset = 0;        // bytes, in the file below
  std::string_view filename;  // only with an offset
};

class MapText {
 public:
  MapText(const Profile& profile, bool json) : profile_(profile), json_(json) {}

  // What stands before the first entry.
  void Begin(std::string& out) const;
  // False: the table has no words for such an entry; the command fails with
  // UnmappedText.
  bool Add(const MapEntry& entry, std::string& out);
  // What stands behind the last entry.
  void End(std::string& out) const;
  // The same where more entries were to come and will not.
  void BreakOff(std::string& out) const;

 private:
  void AddJson(const MapEntry& entry, std::string& out) const;

  const Profile& profile_;
  const bool json_;
  bool first_ = true;
};

// Without the program's name before it.
std::string_view UnmappedText();

}  // namespace instar::compat
