// Which guest-visible bytes were written, for bitmaps that record it. Runs that
// come in ascending order are kept to the byte as long as there is room; then
// those that lie near each other become one, so that what is kept only ever
// grows to more than was written.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/arena.h"
#include "lib/base/result.h"

namespace instar {

struct WrittenRun {
  uint64_t offset = 0;  // bytes
  uint64_t end = 0;
};

class WrittenRuns {
 public:
  // Room for `max_runs`, at least 2. Errors: kNoMemory.
  Status Init(Arena& arena, uint64_t max_runs);

  // REQUIRES: offset + length does not overflow.
  void Add(uint64_t offset, uint64_t length);

  // In ascending order; none touches another.
  std::span<const WrittenRun> runs() const { return runs_.first(count_); }
  // The index of the first run that ends behind `offset`.
  uint64_t FirstBehind(uint64_t offset) const;

 private:
  void JoinNear();

  std::span<WrittenRun> runs_;
  uint64_t count_ = 0;
  uint64_t near_bytes_ = 0;  // gaps of runs that became one
};

}  // namespace instar
