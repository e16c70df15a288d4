// The argument of -l: an internal snapshot, by id or name, or by
// snapshot.id=…,snapshot.name=….
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compat/usage.h"

namespace instar::compat {

struct SnapshotParam {
  std::optional<std::string> id_or_name;
  std::optional<std::string> id;
  std::optional<std::string> name;

  // The list of id and name goes before the other form, whichever came last.
  bool by_parts() const { return id.has_value() || name.has_value(); }
  bool is_set() const { return by_parts() || id_or_name.has_value(); }
};

// No snapshot can be asked for by more.
inline constexpr size_t kMaxSnapshotTextBytes = 1024;

// Adds one -l to what earlier ones said. `output` gets lines for stderr:
// warnings and, where the result is false, an error.
bool ReadSnapshotParam(const Names& names, std::string_view text,
                       SnapshotParam& param, std::string& output);

}  // namespace instar::compat
