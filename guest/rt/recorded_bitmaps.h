// The persistent bitmaps of an image whose guest-visible bytes a command
// writes: those that are sound and record writes get the bits of what was
// written, as qemu-img has it.
#pragma once

#include <cstdint>

#include "guest/rt/changed_target.h"
#include "guest/rt/context.h"
#include "lib/format/bitmap_store.h"
#include "lib/format/image.h"
#include "lib/format/recording_target.h"
#include "lib/format/target.h"
#include "lib/format/written_runs.h"

namespace instar::guest {

class RecordedBitmaps final : public TargetBitmaps {
 public:
  Status Begin(Context& context, Image& image, TargetFiles& files) override;
  Result<Target*> Wrap(Context& context, Target& target) override;
  Status End() override;

 private:
  BitmapStore* store_ = nullptr;
  WrittenRuns runs_;
};

}  // namespace instar::guest
