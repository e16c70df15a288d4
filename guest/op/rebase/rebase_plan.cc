#include "guest/op/rebase/rebase_plan.h"

#include "lib/base/checked.h"
#include "lib/format/chain.h"

namespace instar::guest {

RebasePlan::RebasePlan(Image& top, Image* next, const RebaseRules& rules)
    : top_(&top),
      next_(next),
      rules_(rules),
      size_(top.virtual_size()),
      old_size_(top.backing() == nullptr ? 0 : top.backing()->virtual_size()),
      next_size_(next == nullptr ? 0 : next->virtual_size()) {
  uint32_t depth = 0;
  for (const Image* layer = top.backing();
       layer != nullptr && depth <= kMaxChainDepth;
       layer = layer->backing(), ++depth) {
    is_prefix_ |= layer == next;
  }
}

Result<uint64_t> RebasePlan::Unchanged(uint64_t& length) {
  const Extent own = TRY(top_->backing() == nullptr
                             ? top_->Locate(position_, length, true)
                             : LocateAbove(top_, top_->backing(), position_,
                                           length, true, nullptr));
  length = own.length == 0 ? length : Min(length, own.length);
  if ((own.flags & kExtentAllocated) != 0) {
    return length;
  }
  // Behind the end of the old backing file there are zeroes, whatever lies
  // below.
  if (!is_prefix_ || position_ >= old_size_) {
    return uint64_t{0};
  }
  const Extent between = TRY(
      LocateAbove(top_->backing(), next_, position_, length, true, nullptr));
  length = between.length == 0 ? length : Min(length, between.length);
  return (between.flags & kExtentAllocated) != 0 ? 0 : length;
}

Result<LayerWork> RebasePlan::Next() {
  while (position_ < size_) {
    uint64_t length = Min(LayerWork::kMaxBytes, size_ - position_);
    const uint64_t unchanged = TRY(Unchanged(length));
    if (unchanged != 0) {
      position_ += unchanged;
      continue;
    }
    uint64_t start = position_;
    uint64_t end = start + length;
    if (rules_.whole_units) {
      start = AlignDown(start, rules_.unit);
      end = Min(AlignDown(end + rules_.unit - 1, rules_.unit), size_);
      end = Min(end, AlignDown(start, rules_.cluster) + LayerWork::kMaxBytes);
    } else {
      end = start < old_size_ ? Min(end, old_size_) : end;
      end = start < next_size_ ? Min(end, next_size_) : end;
    }
    position_ = end;
    return LayerWork{.kind = LayerWork::Kind::kCompare,
                     .position = start,
                     .length = end - start,
                     .is_past_end = start >= old_size_};
  }
  return LayerWork{};
}

}  // namespace instar::guest
