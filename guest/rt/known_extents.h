// Where a file has data, asked for ahead of time: whoever walks through a file
// of many runs would leave the jail for each of them.
#pragma once

#include <cstdint>

#include "proto/abi.h"

namespace instar::guest {

class KnownExtents {
 public:
  // The run of `slot` at `offset`, at most `length` bytes, if it is known for
  // certain; else its length is 0. `offset` + `length` does not overflow.
  abi::HostExtent Find(uint32_t slot, uint64_t offset, uint64_t length);

  // Where the answer to the next question goes, and how many runs to ask for:
  // more of them the longer somebody walks on.
  abi::HostExtent* buffer() { return extents_; }
  uint16_t Ask(uint32_t slot, uint64_t offset);

  // `count` runs are in the buffer, for the question [offset, +length).
  void Learn(uint32_t slot, uint64_t offset, uint64_t length, uint32_t count);

 private:
  static constexpr uint16_t kFirstAsk = 2;
  static constexpr uint16_t kMaxExtents = 128;

  abi::HostExtent extents_[kMaxExtents] = {};
  uint32_t slot_ = 0;
  uint32_t count_ = 0;
  uint32_t next_ = 0;  // of the runs, the one that is asked for next if any is
  uint64_t asked_end_ = 0;  // a run that ends here may go on
  uint64_t known_end_ = 0;
  uint16_t ask_ = kFirstAsk;
};

}  // namespace instar::guest
