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
  // Opens the target of `writer` in `files`, with `backing` below it, so that
  // what is written to it is noted: the bitmaps of `image`, the one in these
  // files, are marked as in use. Null: it is new and has none.
  // Errors: those of the writer and of the store.
  Result<Target*> Open(Context& context, const Writer& writer, Image* image,
                       TargetFiles& files, Image* backing);
  // Stores the bitmaps, once the target has finished. Errors: the store's.
  Status End();

 private:
  Status Begin(Context& context, Image& image, TargetFiles& files);

  BitmapStore* store_ = nullptr;
  WrittenRuns runs_;
};

}  // namespace instar::guest
