// One entry of the snapshot table (qcow2.txt, "Snapshots") as it is stored,
// sound or not.
#pragma once

#include <cstdint>

#include "lib/base/checked.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/qcow2/layout.h"
#include "lib/format/qcow2/table_walk.h"

namespace instar::qcow2 {

// Of the extra data: what every snapshot of a version 3 image has, and what is
// known of it.
inline constexpr uint64_t kMinSnapshotExtraBytes = 16;
inline constexpr uint64_t kKnownSnapshotExtraBytes = 24;

struct StoredSnapshot {
  uint64_t start = 0;  // offset in the file
  L1Table l1;
  uint64_t extra_bytes = 0;
  uint64_t id_offset = 0;
  uint64_t id_bytes = 0;
  uint64_t name_bytes = 0;
  uint64_t end = 0;  // offset of the first byte behind it

  // What a repair keeps of the extra data, with what it adds.
  uint64_t mended_extra_bytes() const {
    return extra_bytes > kMaxSnapshotExtraBytes
               ? kKnownSnapshotExtraBytes
               : Max(extra_bytes, kKnownSnapshotExtraBytes);
  }
  uint64_t mended_bytes() const {
    return SnapshotLayout::kSize + mended_extra_bytes() + id_bytes + name_bytes;
  }
};

// The entry at `at` or, where that is no multiple of 8, right behind it.
// Errors: kErrno, kOverflow.
inline Result<StoredSnapshot> ReadStoredSnapshot(BlockCache& cache,
                                                 uint64_t at) {
  using L = SnapshotLayout;
  const uint64_t start = TRY(CheckedAlignUp(at, 8));
  uint8_t bytes[L::kSize];
  TRY(cache.Copy(start, MutableBytes(bytes, sizeof bytes)));
  const FixedView<L::kSize> raw(bytes);
  StoredSnapshot entry = {.start = start,
                          .l1 = {.offset = raw.Get<L::kL1TableOffset>(),
                                 .num_entries = raw.Get<L::kL1Size>()},
                          .extra_bytes = raw.Get<L::kExtraBytes>(),
                          .id_bytes = raw.Get<L::kIdBytes>(),
                          .name_bytes = raw.Get<L::kNameBytes>()};
  entry.id_offset = TRY(CheckedAdd(start, L::kSize + entry.extra_bytes));
  entry.end =
      TRY(CheckedAdd(entry.id_offset, entry.id_bytes + entry.name_bytes));
  return entry;
}

}  // namespace instar::qcow2
