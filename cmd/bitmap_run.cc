#include "cmd/bitmap_run.h"

extern "C" {
extern const uint8_t image_bitmap_begin[];
extern const uint8_t image_bitmap_end[];
}

namespace instar::cmd {

std::span<const uint8_t> BitmapGuest() {
  return {image_bitmap_begin, image_bitmap_end};
}

std::string GuestBitmapName(const std::string& name) {
  constexpr size_t kMaxBytes = 1024;  // proto/guest.options
  return name.substr(0, kMaxBytes);
}

}  // namespace instar::cmd
