#include "guest/rt/known_extents.h"

#include "lib/base/checked.h"

namespace instar::guest {
namespace {

bool Holds(const abi::HostExtent& run, uint32_t slot, uint64_t offset) {
  return run.reserved == slot && offset >= run.offset &&
         offset - run.offset < run.length;
}

uint64_t End(const abi::HostExtent& run) {
  return run.offset + run.length;
}

// Room that nobody touches before it is used: most commands never ask.
Result<abi::HostExtent*> Room(Arena& arena, uint64_t count) {
  const MutableBytes bytes = TRY(arena.Allocate(count * sizeof(abi::HostExtent),
                                                alignof(abi::HostExtent)));
  return reinterpret_cast<abi::HostExtent*>(bytes.data());
}

}  // namespace

Status KnownExtents::Prepare(Arena& arena) {
  if (runs_ == nullptr) {
    runs_ = TRY(Room(arena, kMaxRuns));
    asked_ = TRY(Room(arena, kMaxAsk));
  }
  return {};
}

uint32_t KnownExtents::IndexBehind(uint32_t slot, uint64_t offset) const {
  uint32_t low = 0;
  uint32_t high = count_;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    const abi::HostExtent& run = runs_[middle];
    const bool behind =
        run.reserved != slot ? run.reserved > slot : run.offset > offset;
    (behind ? high : low) = behind ? middle : middle + 1;
  }
  return low;
}

abi::HostExtent KnownExtents::Find(uint32_t slot, uint64_t offset,
                                   uint64_t length) {
  if (last_found_ >= count_ || !Holds(runs_[last_found_], slot, offset)) {
    const uint32_t behind = IndexBehind(slot, offset);
    if (behind == 0 || !Holds(runs_[behind - 1], slot, offset)) {
      return {};
    }
    last_found_ = behind - 1;
  }
  const abi::HostExtent& run = runs_[last_found_];
  return {.offset = offset,
          .length = Min(End(run) - offset, length),
          .flags = run.flags};
}

uint16_t KnownExtents::Ask(uint32_t slot, uint64_t offset) {
  const bool walks_on =
      slot == asked_slot_ && offset >= asked_start_ && offset <= asked_end_;
  ask_ = walks_on ? static_cast<uint16_t>(Min(ask_ * 4U, kMaxAsk)) : kFirstAsk;
  return ask_;
}

// A run that is known from further on, or from before, grows.
void KnownExtents::Insert(const abi::HostExtent& run) {
  const uint32_t index = IndexBehind(run.reserved, run.offset);
  if (index > 0 && Holds(runs_[index - 1], run.reserved, run.offset)) {
    abi::HostExtent& before = runs_[index - 1];
    before.length = Max(End(before), End(run)) - before.offset;
    return;
  }
  if (index < count_ &&
      Holds(run, runs_[index].reserved, runs_[index].offset)) {
    abi::HostExtent& after = runs_[index];
    after.length = Max(End(after), End(run)) - run.offset;
    after.offset = run.offset;
    return;
  }
  if (count_ == kMaxRuns) {
    count_ = 0;
    runs_[count_++] = run;
    return;
  }
  for (uint32_t i = count_; i > index; --i) {
    runs_[i] = runs_[i - 1];
  }
  runs_[index] = run;
  ++count_;
}

void KnownExtents::Learn(uint32_t slot, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    abi::HostExtent run = asked_[i];
    run.reserved = slot;
    Insert(run);
    asked_slot_ = slot;
    asked_start_ = run.offset;
    asked_end_ = End(run);
  }
}

}  // namespace instar::guest
