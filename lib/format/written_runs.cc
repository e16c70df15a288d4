#include "lib/format/written_runs.h"

#include "lib/base/checked.h"

namespace instar {
namespace {

constexpr uint64_t kFirstNearBytes = 4096;

}  // namespace

Status WrittenRuns::Init(Arena& arena, uint64_t max_runs) {
  INSTAR_CHECK(max_runs >= 2);
  runs_ = std::span(TRY(arena.NewArray<WrittenRun>(max_runs)), max_runs);
  return {};
}

uint64_t WrittenRuns::FirstBehind(uint64_t offset) const {
  uint64_t low = 0;
  uint64_t high = count_;
  // Each round halves what is left.
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (runs_[middle].end > offset) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

void WrittenRuns::Add(uint64_t offset, uint64_t length) {
  if (length == 0) {
    return;
  }
  if (count_ == runs_.size()) {
    JoinNear();
  }
  const uint64_t end = offset + length;
  // What touches or overlaps the new run becomes part of it.
  const uint64_t first = FirstBehind(offset == 0 ? 0 : offset - 1);
  WrittenRun run = {.offset = offset, .end = end};
  uint64_t last = first;
  for (; last < count_ && runs_[last].offset <= end; ++last) {
    run.offset = Min(run.offset, runs_[last].offset);
    run.end = Max(run.end, runs_[last].end);
  }
  if (last != first) {
    runs_[first] = run;
    for (uint64_t i = last; i < count_; ++i) {
      runs_[first + 1 + i - last] = runs_[i];
    }
    count_ -= last - first - 1;
    return;
  }
  for (uint64_t i = count_; i > first; --i) {
    runs_[i] = runs_[i - 1];
  }
  runs_[first] = run;
  ++count_;
}

// Makes room for at least one run.
void WrittenRuns::JoinNear() {
  const uint64_t before = count_;
  // The gap doubles each round, so that in the end it bridges any.
  while (count_ == before) {
    near_bytes_ = Max(kFirstNearBytes, near_bytes_ * 2);
    uint64_t kept = 0;
    for (uint64_t i = 1; i < count_; ++i) {
      if (runs_[i].offset - runs_[kept].end <= near_bytes_) {
        runs_[kept].end = runs_[i].end;
      } else {
        runs_[++kept] = runs_[i];
      }
    }
    count_ = kept + 1;
  }
}

}  // namespace instar
