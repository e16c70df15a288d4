#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/check_references.h"

namespace instar::qcow2 {
namespace {

struct BitmapTable {
  uint64_t offset = 0;
  uint64_t num_entries = 0;
};

bool IsSound(const CheckRun& run, uint64_t entry) {
  const uint64_t offset = entry & kBitmapTableOffsetMask;
  return (entry & kBitmapTableReservedMask) == 0 &&
         (offset == 0 || (entry & kBitmapTableAllOnes) == 0) &&
         run.IsAligned(offset);
}

// Goes through a table's entries, which are 0 beyond the end of the file: with
// `count` their clusters are counted, else they are only looked at.
Status WalkTable(CheckRun& run, CheckRoom& room, const BitmapTable& table,
                 bool count) {
  if (table.offset > kMaxReadOffset - table.num_entries * Be64::kSize) {
    return EndsWith(kEio);
  }
  const uint64_t stored =
      table.offset >= run.file_bytes
          ? 0
          : DivRoundUp(run.file_bytes - table.offset, Be64::kSize);
  const uint64_t num_entries = Min(table.num_entries, stored);
  constexpr uint64_t kPerChunk = TableWalk::kChunkBytes / Be64::kSize;
  for (uint64_t done = 0; done < num_entries; done += kPerChunk) {
    const MutableBytes bytes =
        room.chunk.Prefix(Min(kPerChunk, num_entries - done) * Be64::kSize);
    TRY(run.file->ReadAt(table.offset + done * Be64::kSize, bytes));
    const auto entries = bytes.view().Array<Be64>();
    for (uint64_t i = 0; i < entries.size(); ++i) {
      if (!count) {
        if (!IsSound(run, entries[i])) {
          return EndsWith(kEinval);
        }
        continue;
      }
      const uint64_t offset = entries[i] & kBitmapTableOffsetMask;
      if (offset != 0) {
        TRY(room.counts.AddRegion(run, offset, run.cluster_size()));
      }
    }
  }
  return {};
}

}  // namespace

Status CountBitmaps(CheckRun& run, CheckRoom& room) {
  using L = BitmapEntryLayout;
  const Extensions& extensions = run.extensions;
  if (extensions.num_bitmaps == 0) {
    return {};
  }
  TRY(room.counts.AddRegion(run, extensions.bitmap_directory_offset,
                            extensions.bitmap_directory_bytes));
  // The directory is sound, or the image would not be open.
  uint64_t done = 0;
  for (uint64_t i = 0; i < extensions.num_bitmaps; ++i) {
    uint8_t bytes[L::kSize];
    TRY(run.cache->Copy(extensions.bitmap_directory_offset + done,
                        MutableBytes(bytes, sizeof bytes)));
    const FixedView<L::kSize> raw(bytes);
    const BitmapTable table = {.offset = raw.Get<L::kTableOffset>(),
                               .num_entries = raw.Get<L::kTableEntries>()};
    TRY(room.counts.AddRegion(run, table.offset,
                              table.num_entries * Be64::kSize));
    TRY(WalkTable(run, room, table, false));
    TRY(WalkTable(run, room, table, true));
    done += TRY(CheckedAlignUp(L::kSize + uint64_t{raw.Get<L::kExtraBytes>()} +
                                   raw.Get<L::kNameBytes>(),
                               8));
  }
  return {};
}

}  // namespace instar::qcow2
