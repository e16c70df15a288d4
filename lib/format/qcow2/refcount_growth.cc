// Refcounts that outgrow their blocks or their table.
#include "lib/base/checked.h"
#include "lib/format/qcow2/refcounts.h"

namespace instar::qcow2 {
namespace {

// A block that is described by another block, that
// one by a third; then one describes itself.
constexpr uint64_t kMaxBlockDepth = 4;

// The size converges in a few rounds, each of which adds less than the last.
constexpr uint64_t kMaxSizeRounds = 1000;

}  // namespace

Result<uint64_t> RefcountBlocksFor(const Geometry& geometry, uint64_t clusters,
                                   bool generous) {
  const uint64_t entries = geometry.cluster_bytes() / kRefcountTableEntryBytes;
  uint64_t counted = clusters;
  uint64_t blocks = 0;
  uint64_t table = 0;
  uint64_t total = 0;
  for (uint64_t i = 0; i < kMaxSizeRounds; ++i) {
    const uint64_t last = total;
    const uint64_t structures = blocks + table;
    const uint64_t all = TRY(CheckedAdd(counted, structures));
    blocks = DivRoundUp(all, geometry.refcounts_per_block());
    table = DivRoundUp(blocks, entries);
    total = counted + blocks + table;
    if (total == last && generous) {
      counted += DivRoundUp(table, 2);
      total = 0;
      generous = false;
    } else if (total == last) {
      return blocks;
    }
  }
  return Error{.fault = Fault::kOverflow, .value = clusters};
}

// Makes the block that counts `cluster`.
Status Refcounts::AddBlock(uint64_t cluster) {
  uint64_t lowest = ~uint64_t{0};
  for (uint64_t depth = 0; depth < kMaxBlockDepth; ++depth) {
    const uint64_t block = TRY(FindFree(1));
    if (block == 0) {
      return Error{.fault = Fault::kQcow2CorruptEntry, .value = block};
    }
    const uint64_t offset = block << geometry_->cluster_bits;
    const bool counts_itself = BlockIndex(block) == BlockIndex(cluster);
    if (!counts_itself) {
      const Place place = TRY(Locate(block));
      if (place.page == nullptr) {
        // Its own block must come first; then the search is done again.
        lowest = Min(lowest, block);
        cluster = block;
        continue;
      }
      Write(place, 1);
    }
    high_water_ = Max(high_water_, offset + geometry_->cluster_bytes());
    const uint64_t bytes = geometry_->cluster_bytes();
    TRY(tables_->PutZeroes(Table::kRefcountBlock, offset, bytes));
    if (counts_itself) {
      const uint64_t order = geometry_->refcount_order;
      const uint64_t index = block & (geometry_->refcounts_per_block() - 1);
      const uint64_t byte = (index << order) / 8;
      Page* page = TRY(tables_->Get(Table::kRefcountBlock, offset + byte));
      const uint64_t per_page = (tables_->page_bytes() * 8) >> order;
      Write({.page = page, .index = index & (per_page - 1)}, 1);
    }
    TRY(Hook(cluster, offset));
    next_free_ = Min(next_free_, lowest);
    return {};
  }
  return Error{.fault = Fault::kInternal, .value = cluster};
}

// Enters the block of `cluster` in the table, or in a larger one.
Status Refcounts::Hook(uint64_t cluster, uint64_t block_offset) {
  const uint64_t index = BlockIndex(cluster);
  if (index < table_entries_) {
    return tables_->Store64(Table::kRefcountTable, table_offset_ + index * 8,
                            block_offset);
  }
  // The larger table and its blocks lie behind all that the blocks so far can
  // count, so that they count themselves.
  const uint64_t per_block = geometry_->refcounts_per_block();
  const uint64_t used =
      Max(cluster + 1, block_offset >> geometry_->cluster_bits);
  const uint64_t blocks_used = DivRoundUp(used, per_block);
  const uint64_t end = TRY(CheckedMul(blocks_used, per_block));
  const uint64_t start = TRY(CheckedShl(end, geometry_->cluster_bits));
  TRY(AddArea(start, 0, false, index, block_offset));
  return {};
}

Result<uint64_t> Refcounts::AddArea(uint64_t start, uint64_t additional,
                                    bool exact, uint64_t block_index,
                                    uint64_t block_offset) {
  TRY(tables_->BeginAllocating());
  const uint64_t cluster_bytes = geometry_->cluster_bytes();
  const uint64_t before = start >> geometry_->cluster_bits;
  const uint64_t counted = TRY(CheckedAdd(before, additional));
  const uint64_t num_blocks =
      TRY(RefcountBlocksFor(*geometry_, counted, !exact));
  const uint64_t first_block = BlockIndex(before);
  const uint64_t wanted =
      exact ? num_blocks : num_blocks + DivRoundUp(num_blocks, 2);
  const uint64_t table_bytes =
      TRY(CheckedAlignUp(wanted * kRefcountTableEntryBytes, cluster_bytes));
  if (table_bytes > kMaxRefcountTableBytes) {
    return Error{.fault = Fault::kSizeTooLarge, .value = table_bytes};
  }
  const uint64_t entries = table_bytes / kRefcountTableEntryBytes;

  uint64_t missing = 0;
  for (uint64_t i = first_block; i < num_blocks; ++i) {
    const uint64_t have = TRY(BlockOffset(i));
    const bool given = block_offset != 0 && i == block_index;
    missing += have == 0 && !given ? 1 : 0;
  }
  const uint64_t table_offset = start + missing * cluster_bytes;
  const uint64_t end = table_offset + table_bytes;

  TRY(tables_->PutZeroes(Table::kRefcountTable, table_offset, table_bytes));
  for (uint64_t i = 0; i < Min(entries, table_entries_); ++i) {
    const uint64_t entry =
        TRY(tables_->Load64(Table::kRefcountTable, table_offset_ + i * 8));
    if (entry != 0) {
      TRY(tables_->Store64(Table::kRefcountTable, table_offset + i * 8, entry));
    }
  }
  if (block_offset != 0) {
    TRY(tables_->Store64(Table::kRefcountTable, table_offset + block_index * 8,
                         block_offset));
  }
  const uint64_t old_offset = table_offset_;
  const uint64_t old_clusters = table_clusters_;
  table_offset_ = table_offset;
  table_clusters_ = table_bytes >> geometry_->cluster_bits;
  table_entries_ = entries;
  TRY(FillArea(start, end, first_block, num_blocks));
  TRY(SwitchTable(table_offset, table_clusters_));
  TRY(Free(old_offset, old_clusters << geometry_->cluster_bits, false));
  high_water_ = Max(high_water_, end);
  return end;
}

// Makes the blocks first_block … num_blocks that the table lacks, from `start`
// on, and counts one reference to each cluster of [start, end).
Status Refcounts::FillArea(uint64_t start, uint64_t end, uint64_t first_block,
                           uint64_t num_blocks) {
  const uint64_t per_block = geometry_->refcounts_per_block();
  uint64_t next_block = start;
  for (uint64_t i = first_block; i < num_blocks; ++i) {
    const uint64_t have = TRY(BlockOffset(i));
    if (have == 0) {
      TRY(tables_->PutZeroes(Table::kRefcountBlock, next_block,
                             geometry_->cluster_bytes()));
      TRY(tables_->Store64(Table::kRefcountTable, table_offset_ + i * 8,
                           next_block));
      next_block += geometry_->cluster_bytes();
    }
    const uint64_t first = Max(i * per_block, start >> geometry_->cluster_bits);
    const uint64_t limit =
        Min((i + 1) * per_block, end >> geometry_->cluster_bits);
    for (uint64_t cluster = first; cluster < limit; ++cluster) {
      const Place place = TRY(Locate(cluster));
      Write(place, 1);
    }
  }
  return {};
}

// Makes the header point at the new table, once that and the blocks are there.
Status Refcounts::SwitchTable(uint64_t offset, uint64_t clusters) {
  using L = HeaderLayout;
  TRY(tables_->FlushRefcounts());
  TRY(tables_->Barrier());
  uint8_t record[12];
  const MutableBytes bytes(record, sizeof record);
  TRY(bytes.Put<Be64>(0, offset));
  const uint32_t narrow = TRY(Narrow<uint32_t>(clusters));
  TRY(bytes.Put<Be32>(8, narrow));
  return file_->WriteAt(L::kRefcountTableOffset.offset, bytes.view());
}

}  // namespace instar::qcow2
