// Finds blocks of a VHD image that overlap, in bounded memory.
//
// All blocks are equally long, but they begin at any sector. The file is cut
// into buckets of a block's length, so that two blocks that begin in one bucket
// overlap, and others only if their buckets are neighbours. A bucket keeps the
// first block that begins in it; what overlaps only a later one of the same
// bucket is not told. Where there are more buckets than memory for them the
// caller goes over the table several times.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/result.h"
#include "lib/format/vpc/header.h"

namespace instar::vpc {

class OverlapFinder {
 public:
  // For blocks that begin before `end_offset`. Errors: kNoMemory.
  static Result<OverlapFinder> Create(Arena& arena, const Header& header,
                                      uint64_t end_offset);

  // Begins the first or the next pass, in which every allocated block is to be
  // added in the table's order. False: there is none left.
  bool NextPass();

  // Adds the block `index`, whose table entry is `entry`. Returns the index of
  // a block before it that it overlaps, kUnallocated where there is none or
  // another pass tells.
  Result<uint64_t> Add(uint64_t index, uint64_t entry);

 private:
  // A block as a bucket keeps it: index + 1, 0 for none, and entry.
  static constexpr uint64_t kSlotBytes = 8;
  static constexpr uint64_t kMaxSlots = 1 << 17;
  // Buckets that a pass shares with the one before: the last one there met its
  // lower neighbour, but not its upper one.
  static constexpr uint64_t kOldBuckets = 2;

  struct Slot {
    bool used = false;
    uint64_t index = 0;
    uint64_t entry = 0;
  };

  // The slot of a bucket; an empty one where this pass has none for it.
  Result<Slot> At(uint64_t bucket) const;

  MutableBytes slots_;
  uint64_t num_slots_ = 0;
  uint64_t sectors_per_block_ = 1;
  uint64_t num_buckets_ = 0;
  // The pass has slots for the buckets [low_, high_). Those below told_ were in
  // the pass before.
  uint64_t low_ = 0;
  uint64_t told_ = 0;
  uint64_t high_ = 0;
};

}  // namespace instar::vpc
