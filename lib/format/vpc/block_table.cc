#include "lib/format/vpc/block_table.h"

#include "lib/base/checked.h"
#include "lib/format/host_extents.h"

namespace instar::vpc {
namespace {

// Blocks of the table that are kept: one for a walk from front to back, the
// rest for whoever jumps.
constexpr uint64_t kCachedBlocks = 4;

}  // namespace

Result<BlockTable> BlockTable::Create(Arena& arena, File& file,
                                      const Header& header) {
  BlockTable table;
  table.header_ = header;
  table.cache_ = TRY(BlockCache::Create(arena, file, kCachedBlocks));
  if (header.table_bytes() >= BlockCache::kMaxBlockBytes) {
    table.cache_.SetBlockBytes(BlockCache::kMaxBlockBytes);
  }
  return table;
}

Result<uint64_t> BlockTable::Entry(uint64_t index) {
  if (index >= header_.num_entries) {
    return kUnallocated;
  }
  // The table may begin anywhere, so that an entry may cross two blocks.
  uint8_t bytes[kEntryBytes] = {};
  TRY(cache_.Copy(header_.table_offset + index * kEntryBytes,
                  MutableBytes(bytes, sizeof bytes)));
  return uint64_t{Be32::Decode(bytes)};
}

Status BlockTable::Copy(uint64_t first, Chunk& chunk) {
  uint8_t bytes[Chunk::kMaxEntries * kEntryBytes] = {};
  chunk.count = Min(Chunk::kMaxEntries, header_.num_entries - first);
  const MutableBytes raw(bytes, chunk.count * kEntryBytes);
  TRY(cache_.Copy(header_.table_offset + first * kEntryBytes, raw));
  for (uint64_t i = 0; i < chunk.count; ++i) {
    chunk.entries[i] = TRY(raw.view().At<Be32>(i * kEntryBytes));
  }
  return {};
}

Result<uint64_t> BlockTable::FindEnd(const File& file) {
  const uint64_t file_bytes = TRY(SectorAlignedSize(file));
  const Error truncated = {.fault = Fault::kVpcTruncated, .value = file_bytes};
  uint64_t end = TRY(CheckedAlignUp(
      header_.table_offset + header_.table_bytes(), kSectorBytes));
  // From here on the table is as long as the file at most.
  if (end > file_bytes) {
    return truncated;
  }
  Chunk chunk;
  for (uint64_t first = 0; first < header_.num_entries; first += chunk.count) {
    if (!Copy(first, chunk).ok()) {
      return Error{.fault = Fault::kVpcTable};
    }
    for (uint64_t i = 0; i < chunk.count; ++i) {
      const uint64_t entry = chunk.entries[i];
      if (entry != kUnallocated) {
        end = Max(end, entry * kSectorBytes + header_.stored_block_bytes());
      }
    }
  }
  if (end > file_bytes) {
    return truncated;
  }
  return end;
}

}  // namespace instar::vpc
