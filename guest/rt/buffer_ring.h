// A region cut into pieces that are given back in the order in which they were
// taken.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"

namespace instar::guest {

class BufferRing {
 public:
  explicit BufferRing(MutableBytes region) : region_(region) {}

  uint64_t size() const { return region_.size(); }

  // A piece of `length` bytes, a multiple of kAlignment away from the region's
  // start. An empty view: there is no room now.
  MutableBytes Take(uint64_t length) {
    const uint64_t rounded = (length + kAlignment - 1) & ~(kAlignment - 1);
    const uint64_t start = taken_ % region_.size();
    const uint64_t left = region_.size() - start;
    // A piece is contiguous: what is left behind the last one is skipped.
    const uint64_t skipped = rounded > left ? left : 0;
    if (length == 0 || taken_ - freed_ + skipped + rounded > region_.size()) {
      return {};
    }
    taken_ += skipped + rounded;
    return region_.Slice((start + skipped) % region_.size(), length).value();
  }

  // Where the ring stands now; FreeUpTo it gives back all that was taken
  // before.
  uint64_t Mark() const { return taken_; }
  void FreeUpTo(uint64_t mark) { freed_ = mark; }

 private:
  static constexpr uint64_t kAlignment = 512;

  MutableBytes region_;
  uint64_t taken_ = 0;  // bytes ever taken, skipped ones included
  uint64_t freed_ = 0;
};

}  // namespace instar::guest
