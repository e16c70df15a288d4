// The image whose bitmaps change: opened for writing, with all that lies below
// it, as qemu-img opens it.
#pragma once

#include <cstdint>

#include "guest/rt/context.h"
#include "guest/rt/slot_file.h"
#include "lib/format/bitmap_store.h"
#include "lib/format/image.h"

namespace instar::guest {

// Actions on one bitmap add it at most so often.
inline constexpr uint64_t kMaxAdded = 64;

class EditedImage {
 public:
  // With room for so many new bitmaps. False after a report.
  bool Open(Context& context, uint64_t room);
  // Writes what has changed. False after a report.
  bool Close();

  uint32_t slot() const { return image_->file().slot(); }
  const Image& image() const { return *image_; }
  // Null: the format has no bitmaps.
  BitmapStore* store() const { return store_; }

 private:
  Image* image_ = nullptr;
  BitmapStore* store_ = nullptr;
};

// The bitmaps of an opened image; null where its format has none. False after
// a report.
bool OpenStore(Context& context, const Image& image, uint64_t room,
               BitmapStore*& store);

}  // namespace instar::guest
