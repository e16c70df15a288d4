#include "lib/format/qcow2/stored_refcounts.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/check_run.h"
#include "lib/format/qcow2/layout.h"
#include "lib/format/qcow2/refcount_field.h"

namespace instar::qcow2 {
namespace {

// Where the block of that index is; 0: there is none.
Result<uint64_t> BlockOffset(BlockCache& cache, const Header& header,
                             uint64_t block) {
  const uint64_t entries = header.refcount_table_clusters *
                           header.cluster_size() / kRefcountTableEntryBytes;
  if (block >= entries) {
    return uint64_t{0};
  }
  const uint64_t entry = TRY(cache.At<Be64>(header.refcount_table_offset +
                                            block * kRefcountTableEntryBytes));
  return entry & kRefcountTableOffsetMask;
}

Error WrongBlock(uint64_t offset, uint64_t block) {
  return {.fault = Fault::kCheckRefblockOffset,
          .value = offset,
          .value2 = block,
          .error = kEio};
}

template <typename F>
void Widen(ByteView block, uint64_t first, RefcountWalk::Piece& piece) {
  const auto stored = block.Array<F>();
  for (uint64_t i = 0; i < piece.count; ++i) {
    piece.values[i] = stored[first + i];
  }
}

// Refcounts of less than a byte: the lowest bits come first.
uint64_t InByte(uint64_t byte, uint64_t order, uint64_t index) {
  const uint64_t bits = uint64_t{1} << order;
  return byte >> (index << order) % 8 & ((uint64_t{1} << bits) - 1);
}

// Sets piece.count values from the `first` of `block` on.
void Decode(ByteView block, uint64_t order, uint64_t first,
            RefcountWalk::Piece& piece) {
  switch (order) {
    case 3:
      return Widen<U8>(block, first, piece);
    case 4:
      return Widen<Be16>(block, first, piece);
    case 5:
      return Widen<Be32>(block, first, piece);
    case 6:
      return Widen<Be64>(block, first, piece);
    default:
      break;
  }
  const auto bytes = block.Array<U8>();
  for (uint64_t i = 0; i < piece.count; ++i) {
    const uint64_t index = first + i;
    piece.values[i] = InByte(bytes[(index << order) / 8], order, index);
  }
}

}  // namespace

Result<uint64_t> StoredRefcount(BlockCache& cache, const Header& header,
                                uint64_t cluster) {
  const uint64_t block = cluster / RefcountsPerBlock(header);
  const uint64_t offset = TRY(BlockOffset(cache, header, block));
  if (offset == 0) {
    return uint64_t{0};
  }
  if (offset % header.cluster_size() != 0) {
    return WrongBlock(offset, block);
  }
  if (offset > kMaxReadOffset - header.cluster_size()) {
    return EndsWith(kEio);
  }
  const uint64_t index = cluster % RefcountsPerBlock(header);
  const uint64_t at = offset + (index << header.refcount_order) / 8;
  switch (header.refcount_order) {
    case 4:
      return uint64_t{TRY(cache.At<Be16>(at))};
    case 5:
      return uint64_t{TRY(cache.At<Be32>(at))};
    case 6:
      return cache.At<Be64>(at);
    default:
      break;
  }
  const uint64_t byte = TRY(cache.At<U8>(at));
  return InByte(byte, header.refcount_order, index);
}

Status StoreRefcounts(File& file, BlockCache& cache, const Header& header,
                      const RefcountWalk::Piece& piece) {
  const uint64_t per_block = RefcountsPerBlock(header);
  const uint64_t block =
      TRY(BlockOffset(cache, header, piece.first / per_block));
  const uint64_t bit = (piece.first % per_block) << header.refcount_order;
  INSTAR_CHECK(block != 0 && bit % 8 == 0);
  uint8_t bytes[RefcountWalk::kMaxPiece * Be64::kSize];
  const MutableBytes stored =
      MutableBytes(bytes, sizeof bytes)
          .Prefix(DivRoundUp(piece.count << header.refcount_order, 8));
  // The last byte may be in part about clusters behind the piece.
  TRY(file.ReadAt(block + bit / 8, stored));
  for (uint64_t i = 0; i < piece.count; ++i) {
    PutRefcount(stored, header.refcount_order, i, piece.values[i]);
  }
  return file.WriteAt(block + bit / 8, stored.view());
}

// Reads blocks from the one of index `block` on.
Status RefcountWalk::Fill(uint64_t block) {
  batch_->Clear();
  first_block_ = block;
  num_blocks_ = 0;
  const uint64_t end = DivRoundUp(end_, RefcountsPerBlock(*header_));
  while (num_blocks_ < TableBatch::kMaxTables && !batch_->full() &&
         first_block_ + num_blocks_ < end) {
    Block& next = blocks_[num_blocks_];
    next = {.offset = TRY(
                BlockOffset(*cache_, *header_, first_block_ + num_blocks_))};
    if (next.offset != 0 && next.offset % header_->cluster_size() == 0) {
      next.in_batch = batch_->count();
      batch_->Add(next.offset);
    }
    ++num_blocks_;
  }
  batch_->Read();
  return {};
}

Result<bool> RefcountWalk::Next(Piece& piece) {
  if (next_ >= end_) {
    return false;
  }
  const uint64_t per_block = RefcountsPerBlock(*header_);
  const uint64_t block = next_ / per_block;
  if (num_blocks_ == 0 || block >= first_block_ + num_blocks_) {
    TRY(Fill(block));
  }
  const uint64_t in_block = next_ % per_block;
  piece.first = next_;
  piece.count = Min(kMaxPiece, Min(end_ - next_, per_block - in_block));
  piece.error = {};
  next_ += piece.count;
  const Block& here = blocks_[block - first_block_];
  if (here.offset == 0) {
    for (uint64_t i = 0; i < piece.count; ++i) {
      piece.values[i] = 0;
    }
    return true;
  }
  if (here.in_batch == kNotRead) {
    piece.error = WrongBlock(here.offset, block);
    return true;
  }
  const auto bytes = batch_->Table(here.in_batch);
  if (!bytes.ok()) {
    piece.error = bytes.error();
    return true;
  }
  Decode(bytes.value(), header_->refcount_order, in_block, piece);
  return true;
}

}  // namespace instar::qcow2
