// The guest-visible bytes of an image that a command changes in place.
#pragma once

#include <cstdint>

#include "guest/rt/context.h"
#include "guest/rt/recorded_bitmaps.h"
#include "guest/rt/slot_file.h"
#include "lib/base/bytes.h"
#include "lib/format/image.h"
#include "lib/format/target.h"

namespace instar::guest {

// What an opened image needs besides to be written; outlives its target.
struct ChangedTarget {
  explicit ChangedTarget(Arena& arena) : opener(arena) {}

  HostOpener opener;
  TargetFiles files;
  Target* target = nullptr;
  RecordedBitmaps bitmaps;
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
