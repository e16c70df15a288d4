// Refcounts of an image that shrinks: blocks that count nothing are given up.
#include "lib/base/checked.h"
#include "lib/format/qcow2/refcounts.h"

namespace instar::qcow2 {
namespace {

// Blocks that leave the table before their clusters are given up.
constexpr uint64_t kBatchBlocks = 512;

}  // namespace

// Its own refcount does not count.
Result<bool> Refcounts::IsEmptyBlock(uint64_t block_index, uint64_t offset) {
  const uint64_t own = offset >> geometry_->cluster_bits;
  const bool counts_itself = BlockIndex(own) == block_index;
  const uint64_t first = block_index * geometry_->refcounts_per_block();
  if (counts_itself) {
    for (uint64_t i = 0; i < geometry_->refcounts_per_block(); ++i) {
      const uint64_t refcount = TRY(Get(first + i));
      if (refcount != (first + i == own ? 1 : 0)) {
        return false;
      }
    }
    return true;
  }
  for (uint64_t at = 0; at < geometry_->cluster_bytes(); at += Be64::kSize) {
    const uint64_t word =
        TRY(tables_->Load64(Table::kRefcountBlock, offset + at));
    if (word != 0) {
      return false;
    }
  }
  return true;
}

Status Refcounts::DropEmptyBlocks() {
  uint64_t dropped[kBatchBlocks];
  uint64_t count = 0;
  for (uint64_t i = 0; i < table_entries_; ++i) {
    const uint64_t offset = TRY(BlockOffset(i));
    bool is_empty = false;
    if (offset != 0) {
      is_empty = TRY(IsEmptyBlock(i, offset));
    }
    if (is_empty) {
      TRY(tables_->Store64(Table::kRefcountTable, table_offset_ + i * 8, 0));
      known_block_ = ~uint64_t{0};
      tables_->DropCluster(offset);
      dropped[count++] = offset;
    }
    if (count == kBatchBlocks || (count != 0 && i + 1 == table_entries_)) {
      TRY(GiveUpBlocks(std::span(dropped).first(count)));
      count = 0;
    }
  }
  return {};
}

// The table must not refer to them any more before others may use them.
Status Refcounts::GiveUpBlocks(std::span<const uint64_t> offsets) {
  TRY(tables_->FlushAll());
  TRY(tables_->Barrier());
  for (const uint64_t offset : offsets) {
    TRY(Free(offset, geometry_->cluster_bytes(), true));
  }
  return {};
}

Result<uint64_t> Refcounts::EndOfUse(uint64_t file_bytes) {
  uint64_t end = geometry_->Clusters(file_bytes);
  const uint64_t per_block = geometry_->refcounts_per_block();
  while (end > 0) {
    const uint64_t block = TRY(BlockOffset(BlockIndex(end - 1)));
    if (block == 0) {
      end = AlignDown(end - 1, per_block);
      continue;
    }
    const uint64_t refcount = TRY(Get(end - 1));
    if (refcount != 0) {
      break;
    }
    --end;
  }
  return end << geometry_->cluster_bits;
}

}  // namespace instar::qcow2
