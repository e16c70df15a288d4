#include "lib/format/vdi/block_map.h"

namespace instar::vdi {
namespace {

// Blocks of the map that are kept: one for a walk from front to back, the rest
// for whoever jumps.
constexpr uint64_t kCachedBlocks = 4;

}  // namespace

Result<BlockMap> BlockMap::Create(Arena& arena, File& file,
                                  const Header& header) {
  BlockMap map;
  map.map_offset_ = header.map_offset;
  map.cache_ = TRY(BlockCache::Create(arena, file, kCachedBlocks));
  if (header.num_blocks * kEntryBytes >= BlockCache::kMaxBlockBytes) {
    map.cache_.SetBlockBytes(BlockCache::kMaxBlockBytes);
  }
  return map;
}

Result<uint64_t> BlockMap::Entry(uint64_t index) {
  const uint32_t entry =
      TRY(cache_.At<Le32>(map_offset_ + index * kEntryBytes));
  return uint64_t{entry};
}

}  // namespace instar::vdi
