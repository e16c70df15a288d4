// Where files have data, as far as the host was asked: whoever walks through a
// file of many runs, or looks all over one of few, would leave the jail for
// each of them.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/result.h"
#include "proto/abi.h"

namespace instar::guest {

// Runs of files that nobody changes. What is found in pieces is kept whole.
class KnownExtents {
 public:
  // Reserves memory, once. Errors: kNoMemory.
  Status Prepare(Arena& arena);

  // The run of `slot` at `offset`, at most `length` bytes, if it is known;
  // else its length is 0.
  abi::HostExtent Find(uint32_t slot, uint64_t offset, uint64_t length);

  // How many runs to ask the host for, from `offset` to the end of the file,
  // into buffer(): more of them the longer somebody walks on.
  uint16_t Ask(uint32_t slot, uint64_t offset);
  abi::HostExtent* buffer() { return asked_; }

  // `count` runs of `slot`, one behind the other, are in buffer().
  void Learn(uint32_t slot, uint32_t count);

 private:
  static constexpr uint16_t kFirstAsk = 4;
  static constexpr uint16_t kMaxAsk = 128;
  static constexpr uint32_t kMaxRuns = 1024;

  // The first run behind `offset` of `slot`.
  uint32_t IndexBehind(uint32_t slot, uint64_t offset) const;
  void Insert(const abi::HostExtent& run);

  // By slot, which is in `reserved`, and offset; none overlaps another.
  abi::HostExtent* runs_ = nullptr;
  abi::HostExtent* asked_ = nullptr;
  uint32_t count_ = 0;
  uint32_t last_found_ = 0;  // where a walk is
  // Of the answer before, the last run.
  uint32_t asked_slot_ = 0;
  uint64_t asked_start_ = 0;
  uint64_t asked_end_ = 0;
  uint16_t ask_ = kFirstAsk;
};

}  // namespace instar::guest
