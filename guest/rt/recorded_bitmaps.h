// The persistent bitmaps of an image whose guest-visible bytes a command
// writes: those that are sound and record writes get the bits of what was
// written, as qemu-img has it.
#pragma once

#include <cstdint>

#include "guest/rt/context.h"
#include "lib/format/bitmap_store.h"
#include "lib/format/image.h"
#include "lib/format/recording_target.h"
#include "lib/format/target.h"
#include "lib/format/written_runs.h"

namespace instar::guest {

class RecordedBitmaps {
 public:
  // Marks the bitmaps of `image` as in use, if it has any; `files` then let its
  // target be opened. Errors: those of the store.
  Status Begin(Context& context, Image& image, TargetFiles& files);
  // What is to be written to instead of `target`, which lives as long.
  // Errors: kNoMemory.
  Result<Target*> Wrap(Context& context, Target& target);
  // Stores the bitmaps, once the target has finished. Errors: the store's.
  Status End();

 private:
  BitmapStore* store_ = nullptr;
  WrittenRuns runs_;
};

}  // namespace instar::guest
