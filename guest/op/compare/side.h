// One of the two images of a comparison, walked from front to back.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/format/image.h"

namespace instar::guest {

// Where a run of bytes of one image is.
struct Part {
  enum class Kind : uint8_t {
    kZero,
    kStored,
    kPacked,
    kLong,  // a packed cluster that LongCluster reads
  };

  Kind kind = Kind::kZero;
  uint64_t length = 0;  // bytes
  File* file = nullptr;
  uint64_t host_offset = 0;  // bytes
  // kPacked: as in Extent, and the layer that unpacks.
  uint64_t stored_bytes = 0;
  uint64_t cluster_offset = 0;
  uint64_t cluster_bytes = 0;
  const Image* owner = nullptr;
  Extent long_extent;  // kLong
};

class Side {
 public:
  // What takes more than `max_stored_bytes` in the file is kLong.
  Side(Image& top, uint64_t max_stored_bytes)
      : top_(&top), max_stored_bytes_(max_stored_bytes) {}

  Image& image() const { return *top_; }
  uint64_t size() const { return top_->virtual_size(); }

  // Looks up the status of the bytes from `position` on, unless the last run
  // goes that far. REQUIRES: position < size().
  Status MoveTo(uint64_t position);
  // Of the run at the last position; `flags` are ExtentFlag.
  uint32_t flags() const { return run_.flags; }
  bool is_zero() const { return (run_.flags & kExtentZero) != 0; }
  bool is_allocated() const { return (run_.flags & kExtentAllocated) != 0; }
  // Bytes of the run from the last position on.
  uint64_t left() const { return start_ + run_.length - position_; }

  // Where the bytes at `position`, within the run, are: at most `length`.
  // Errors: those of reading.
  Result<Part> Locate(uint64_t position, uint64_t length);

 private:
  Image* top_;
  uint64_t max_stored_bytes_;
  Image* owner_ = nullptr;
  Extent run_;
  uint64_t start_ = 0;     // of the run
  uint64_t position_ = 0;  // where MoveTo went last
};

}  // namespace instar::guest
