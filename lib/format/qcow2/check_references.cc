#include "lib/format/qcow2/check_references.h"

#include "lib/base/checked.h"
#include "lib/format/host_extents.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kCachedBlocks = 4;

}  // namespace

Status OpenForCheck(Arena& arena, CheckRun& run, BlockCache& cache) {
  cache = TRY(BlockCache::Create(arena, *run.file, kCachedBlocks));
  run.cache = &cache;
  run.header = TRY(ReadHeader(cache, arena, true));
  TRY(ReadExtensions(cache, run.header, arena, run.extensions));
  cache.SetBlockBytes(Max(BlockCache::kMinBlockBytes,
                          Min(run.cluster_size(), BlockCache::kMaxBlockBytes)));
  run.file_bytes = TRY(SectorAlignedSize(*run.file));
  run.num_clusters = DivRoundUp(run.file_bytes, run.cluster_size());
  run.num_counted = run.num_clusters;
  return {};
}

Status CountReferences(CheckRun& run, CheckRoom& room) {
  const Header& header = run.header;
  TRY(room.counts.AddRegion(run, 0, run.cluster_size()));
  TRY(CountTables(
      run, room,
      {.offset = header.l1_offset, .num_entries = header.num_l1_entries},
      true));
  TRY(CountSnapshots(run, room));
  TRY(room.counts.AddRegion(run, run.extensions.crypto_offset,
                            run.extensions.crypto_bytes));
  TRY(CountBitmaps(run, room));
  return CountRefcounts(run, room);
}

}  // namespace instar::qcow2
