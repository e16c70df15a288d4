#include "lib/format/qcow2/preallocation.h"

#include "lib/base/checked.h"
#include "lib/format/host_extents.h"

namespace instar::qcow2 {
namespace {

// How many of the first `count` refcounts in `entries` are not 0.
uint64_t CountUsed(ByteView entries, uint64_t order, uint64_t count) {
  uint64_t used = 0;
  if (order < 3) {
    const uint64_t bits = uint64_t{1} << order;
    const uint64_t mask = (uint64_t{1} << bits) - 1;
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t at = i * bits;
      const uint8_t byte = entries.At<U8>(at / 8).value();
      const uint64_t refcount = (uint64_t{byte} >> at % 8) & mask;
      used += refcount != 0 ? 1 : 0;
    }
    return used;
  }
  const uint64_t width = uint64_t{1} << (order - 3);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t any = 0;
    for (uint64_t j = 0; j < width; ++j) {
      any |= entries.At<U8>(i * width + j).value();
    }
    used += any != 0 ? 1 : 0;
  }
  return used;
}

// As CountUsed, for a refcount block at `offset`; stops at `enough`.
Result<uint64_t> CountInBlock(BlockCache& cache, const Header& header,
                              uint64_t offset, uint64_t count,
                              uint64_t enough) {
  const uint64_t piece = Min(header.cluster_size(), BlockCache::kMaxBlockBytes);
  const uint64_t per_piece = (piece * 8) >> header.refcount_order;
  uint64_t used = 0;
  for (uint64_t done = 0; done < count && used < enough; done += per_piece) {
    const ByteView entries =
        TRY(cache.View(offset + done / per_piece * piece, piece));
    used +=
        CountUsed(entries, header.refcount_order, Min(per_piece, count - done));
  }
  return used;
}

Result<bool> Detect(BlockCache& cache, const Header& header, const File& file) {
  const uint64_t cluster_size = header.cluster_size();
  const uint64_t stored = file.allocated() / cluster_size;
  const uint64_t ten_times = TRY(CheckedMul(stored, 10));
  const uint64_t threshold = Max(ten_times / 9, stored + 2);
  const uint64_t file_bytes = TRY(SectorAlignedSize(file));
  const uint64_t num_clusters = DivRoundUp(file_bytes, cluster_size);
  const uint64_t per_block = (cluster_size * 8) >> header.refcount_order;
  const uint64_t num_blocks = Min(
      DivRoundUp(num_clusters, per_block),
      header.refcount_table_clusters * cluster_size / kRefcountTableEntryBytes);
  uint64_t used = 0;
  for (uint64_t i = 0; i < num_blocks && used < threshold; ++i) {
    const uint64_t entry = TRY(cache.At<Be64>(header.refcount_table_offset +
                                              i * kRefcountTableEntryBytes));
    const uint64_t block = entry & kRefcountTableOffsetMask;
    if (block % cluster_size != 0) {
      return Error{.fault = Fault::kQcow2CorruptEntry, .value = entry};
    }
    if (block != 0) {
      const uint64_t count = Min(per_block, num_clusters - i * per_block);
      used += TRY(CountInBlock(cache, header, block, count, threshold - used));
    }
  }
  return used >= threshold;
}

}  // namespace

bool LooksPreallocated(BlockCache& cache, const Header& header,
                       const File& file) {
  const auto detected = Detect(cache, header, file);
  return detected.ok() && detected.value();
}

}  // namespace instar::qcow2
