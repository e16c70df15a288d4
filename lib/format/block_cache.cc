#include "lib/format/block_cache.h"

#include "lib/base/checked.h"

namespace instar {

Result<BlockCache> BlockCache::Create(Arena& arena, File& file,
                                      uint64_t num_blocks) {
  INSTAR_CHECK(num_blocks > 0 && num_blocks <= kMaxBlocks);
  BlockCache cache;
  cache.file_ = &file;
  cache.num_blocks_ = num_blocks;
  for (uint64_t i = 0; i < num_blocks; ++i) {
    cache.blocks_[i].bytes = TRY(arena.Allocate(kMaxBlockBytes, 4096));
  }
  return cache;
}

void BlockCache::SetBlockBytes(uint64_t bytes) {
  INSTAR_CHECK(IsPowerOfTwo(bytes) && bytes >= kMinBlockBytes &&
               bytes <= kMaxBlockBytes);
  block_bytes_ = bytes;
  for (Block& block : blocks_) {
    block.last_use = 0;
  }
}

void BlockCache::SetFile(File& file) {
  file_ = &file;
  SetBlockBytes(block_bytes_);
}

Result<ByteView> BlockCache::View(uint64_t offset, uint64_t length) {
  const uint64_t start = AlignDown(offset, block_bytes_);
  INSTAR_CHECK(length <= block_bytes_ - (offset - start));
  ++clock_;
  Block* oldest = &blocks_[0];
  for (uint64_t i = 0; i < num_blocks_; ++i) {
    Block& block = blocks_[i];
    if (block.last_use != 0 && block.offset == start) {
      block.last_use = clock_;
      return block.bytes.view().Slice(offset - start, length);
    }
    if (block.last_use < oldest->last_use) {
      oldest = &block;
    }
  }
  oldest->last_use = 0;
  const MutableBytes block_bytes = oldest->bytes.Prefix(block_bytes_);
  if (file_->ReadAt(start, block_bytes).ok()) {
    oldest->offset = start;
    oldest->last_use = clock_;
    return oldest->bytes.view().Slice(offset - start, length);
  }
  // A sector that nobody asked for may be the one that cannot be read.
  const MutableBytes wanted = TRY(oldest->bytes.Slice(offset - start, length));
  TRY(file_->ReadAt(offset, wanted));
  return wanted.view();
}

Status BlockCache::Copy(uint64_t offset, MutableBytes out) {
  TRY(CheckedAdd(offset, out.size()));
  uint64_t done = 0;
  while (done < out.size()) {
    const uint64_t at = offset + done;
    const uint64_t room = block_bytes_ - at % block_bytes_;
    const ByteView piece = TRY(View(at, Min(room, out.size() - done)));
    TRY(out.PutBytes(done, piece));
    done += piece.size();
  }
  return {};
}

}  // namespace instar
