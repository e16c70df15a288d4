#include "lib/format/vpc/overlaps.h"

#include "lib/base/checked.h"

namespace instar::vpc {

Result<OverlapFinder> OverlapFinder::Create(Arena& arena, const Header& header,
                                            uint64_t end_offset) {
  OverlapFinder finder;
  finder.sectors_per_block_ = header.stored_block_bytes() / kSectorBytes;
  finder.num_buckets_ = DivRoundUp(end_offset, header.stored_block_bytes()) + 1;
  finder.num_slots_ = Min(finder.num_buckets_, kMaxSlots);
  finder.slots_ = TRY(arena.Allocate(finder.num_slots_ * kSlotBytes));
  return finder;
}

bool OverlapFinder::NextPass() {
  if (high_ >= num_buckets_) {
    return false;
  }
  told_ = high_;
  low_ = told_ < kOldBuckets ? 0 : told_ - kOldBuckets;
  high_ = Min(low_ + num_slots_, num_buckets_);
  slots_.Fill(0);
  return true;
}

Result<OverlapFinder::Slot> OverlapFinder::At(uint64_t bucket) const {
  if (bucket < low_ || bucket >= high_) {
    return Slot{};
  }
  const uint64_t at = (bucket - low_) * kSlotBytes;
  const uint32_t index = TRY(slots_.view().At<Le32>(at));
  const uint32_t entry = TRY(slots_.view().At<Le32>(at + 4));
  return Slot{.used = index != 0, .index = uint64_t{index} - 1, .entry = entry};
}

Result<uint64_t> OverlapFinder::Add(uint64_t index, uint64_t entry) {
  const uint64_t bucket = entry / sectors_per_block_;
  if (bucket < low_ || bucket >= high_) {
    return kUnallocated;
  }
  const Slot own = TRY(At(bucket));
  if (own.used) {
    return bucket >= told_ ? own.index : kUnallocated;
  }
  const MutableBytes slot =
      TRY(slots_.Slice((bucket - low_) * kSlotBytes, kSlotBytes));
  const uint32_t number = TRY(Narrow<uint32_t>(index + 1));
  const uint32_t narrow_entry = TRY(Narrow<uint32_t>(entry));
  TRY(slot.Put<Le32>(0, number));
  TRY(slot.Put<Le32>(4, narrow_entry));
  const Slot before = TRY(At(bucket - 1));
  if (before.used && entry - before.entry < sectors_per_block_) {
    return bucket >= told_ ? before.index : kUnallocated;
  }
  const Slot after = TRY(At(bucket + 1));
  if (after.used && after.entry - entry < sectors_per_block_) {
    return bucket + 1 >= told_ ? after.index : kUnallocated;
  }
  return kUnallocated;
}

}  // namespace instar::vpc
