#include "guest/rt/known_extents.h"

#include "lib/base/checked.h"

namespace instar::guest {

abi::HostExtent KnownExtents::Find(uint32_t slot, uint64_t offset,
                                   uint64_t length) {
  if (slot != slot_ || next_ >= count_ || offset < extents_[next_].offset) {
    return {};
  }
  while (next_ < count_ &&
         offset >= extents_[next_].offset + extents_[next_].length) {
    ++next_;
  }
  if (next_ == count_) {
    return {};
  }
  const abi::HostExtent& run = extents_[next_];
  const uint64_t run_end = run.offset + run.length;
  if (run_end == asked_end_ && offset + length > run_end) {
    return {};
  }
  return {.offset = offset,
          .length = Min(run_end - offset, length),
          .flags = run.flags};
}

uint16_t KnownExtents::Ask(uint32_t slot, uint64_t offset) {
  const bool walks_on = slot == slot_ && count_ != 0 && offset <= known_end_ &&
                        offset >= extents_[count_ - 1].offset;
  ask_ =
      walks_on ? static_cast<uint16_t>(Min(ask_ * 4U, kMaxExtents)) : kFirstAsk;
  count_ = 0;
  return ask_;
}

void KnownExtents::Learn(uint32_t slot, uint64_t offset, uint64_t length,
                         uint32_t count) {
  slot_ = slot;
  count_ = static_cast<uint32_t>(Min(count, kMaxExtents));
  next_ = 0;
  asked_end_ = offset + length;
  known_end_ = offset;
  // The host is trusted to tell of runs one behind the other.
  if (count_ != 0) {
    const abi::HostExtent& last = extents_[count_ - 1];
    known_end_ = last.offset + last.length;
  }
}

}  // namespace instar::guest
