// The guest-visible bytes of an image that a command changes in place.
#pragma once

#include <cstdint>

#include "guest/rt/context.h"
#include "guest/rt/slot_file.h"
#include "lib/base/bytes.h"
#include "lib/format/image.h"
#include "lib/format/target.h"

namespace instar::guest {

// What becomes of an image's persistent bitmaps while it is written
// (RecordedBitmaps). A guest without it refuses images that have any.
class TargetBitmaps {
 public:
  // Marks the bitmaps of `image` as in use, if it has any; `files` then let its
  // target be opened. Errors: those of the store.
  virtual Status Begin(Context& context, Image& image, TargetFiles& files) = 0;
  // What is to be written to instead of `target`.
  virtual Result<Target*> Wrap(Context& context, Target& target) = 0;
  // Stores the bitmaps, once the target has finished. Errors: the store's.
  virtual Status End() = 0;

 protected:
  ~TargetBitmaps() = default;
};

// What an opened image needs besides to be written; outlives its target.
struct ChangedTarget {
  explicit ChangedTarget(Arena& arena) : opener(arena) {}

  HostOpener opener;
  TargetFiles files;
  Target* target = nullptr;
  TargetBitmaps* bitmaps = nullptr;
};

// Opens `image`, which is locked for writing, so that it can be written.
// `random`: as in TargetFiles. False after a report, which is kUnsupported
// where the format cannot be written.
bool OpenChangedTarget(Context& context, Image& image, ByteView random,
                       ChangedTarget& changed);

// Writes out all that the target still has in memory and makes it durable.
// False after a report.
bool FinishChangedTarget(ChangedTarget& changed);

}  // namespace instar::guest
