// The image below an overlay that `commit` writes to.
#pragma once

#include "guest/convert/layer_move.h"
#include "guest/rt/context.h"
#include "guest/rt/recorded_bitmaps.h"
#include "guest/rt/slot_file.h"
#include "lib/format/image.h"
#include "lib/format/target.h"

namespace instar::guest {

class CommitBase {
 public:
  explicit CommitBase(Context& context)
      : context_(context), opener_(context.arena) {}

  // Finds the layer below `top` that the command means, locks it, makes it as
  // long as `top`, and opens it for writing. False after a report.
  bool Open(Image& top);

  // REQUIRES: Open.
  Image& image() const { return *image_; }
  Target& target() const { return *target_; }
  // Its metadata follows the data that `move` writes.
  void WritesAfter(LayerMove& move);
  // Writes out all of it and makes it durable. False after a report.
  bool Finish();

 private:
  bool Find(Image& top);
  bool Lock();
  Status OpenDataFile();
  Status Grow(uint64_t size);
  Status GrowDisk(uint64_t size);
  Status OpenTarget();
  bool Failed(const Error& error) const;

  Context& context_;
  HostOpener opener_;
  TargetFiles files_;
  RecordedBitmaps bitmaps_;
  Image* image_ = nullptr;
  Target* target_ = nullptr;
};

}  // namespace instar::guest
