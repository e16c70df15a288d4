// The entries of a map on their way to the host: many to a frame, and the next
// frame is filled while the host prints the last.
#pragma once

#include <cstdint>

#include "guest/rt/requests.h"
#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace instar::guest {

// One run as the host will show it.
struct MapEntry {
  uint64_t start = 0;   // bytes
  uint64_t length = 0;  // bytes
  uint32_t kind = 0;    // as proto.MapEntries has it
  uint64_t offset = 0;  // bytes, in the file that `kind` names

  uint64_t end() const { return start + length; }
};

class EntryStream {
 public:
  // Frames are cut from `arena`. Errors: kNoMemory.
  static Result<EntryStream*> Create(Arena& arena, Requests& requests);

  // REQUIRES: each entry begins where the one before ends.
  void Add(const MapEntry& entry);
  // Sends what is gathered and waits until the host has all of it.
  void Finish();

 private:
  friend class Arena;

  static constexpr uint32_t kMaxEntries = 3072;
  static constexpr uint32_t kFrames = 2;

  EntryStream(Requests& requests, MutableBytes lengths, MutableBytes kinds,
              MutableBytes offsets)
      : requests_(&requests),
        lengths_(lengths),
        kinds_(kinds),
        offsets_(offsets) {}

  void Send();

  Requests* requests_;
  // Gathered, as they are on the wire: little-endian numbers side by side.
  MutableBytes lengths_;
  MutableBytes kinds_;
  MutableBytes offsets_;
  uint64_t start_ = 0;
  uint32_t count_ = 0;
  MutableBytes frames_[kFrames];
  Ticket tickets_[kFrames];
  uint32_t next_frame_ = 0;
};

}  // namespace instar::guest
