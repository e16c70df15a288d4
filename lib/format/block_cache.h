// Metadata of an image, read in blocks and kept: a bounded number of them,
// however large the image's tables are.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar {

class BlockCache {
 public:
  static constexpr uint64_t kMinBlockBytes = 4096;
  static constexpr uint64_t kMaxBlockBytes = 64 * 1024;
  static constexpr uint64_t kMaxBlocks = 8;

  BlockCache() = default;

  // Keeps up to `num_blocks` <= kMaxBlocks blocks of `file`, in memory from
  // `arena`; at first blocks of kMinBlockBytes. Errors: kNoMemory.
  static Result<BlockCache> Create(Arena& arena, File& file,
                                   uint64_t num_blocks);

  // Drops what is kept and reads in blocks of `bytes` from now on: a power of
  // two between the two limits. Tables that are aligned to their length, a
  // power of two, never cross from one block into the next if they are no
  // longer. Longer blocks than an image's clusters would touch data that the
  // host's file may have no pages for yet, which shows in its extents.
  void SetBlockBytes(uint64_t bytes);

  // Drops what is kept and reads another file from now on.
  void SetFile(File& file);

  // The `length` bytes at `offset`, zeroes beyond the end of the file. Valid
  // until the next call.
  // REQUIRES: they lie in one block. Errors: kErrno.
  Result<ByteView> View(uint64_t offset, uint64_t length);

  // Fills `out` from `offset` on, across blocks. Errors: kErrno, kOverflow.
  Status Copy(uint64_t offset, MutableBytes out);

  // The number at `offset`, which is a multiple of its size.
  template <typename F>
  Result<typename F::Value> At(uint64_t offset) {
    const ByteView bytes = TRY(View(offset, F::kSize));
    return bytes.At<F>(0);
  }

 private:
  struct Block {
    MutableBytes bytes;
    uint64_t offset = 0;
    uint64_t last_use = 0;  // 0: holds nothing
  };

  File* file_ = nullptr;
  uint64_t num_blocks_ = 0;
  uint64_t block_bytes_ = kMinBlockBytes;
  uint64_t clock_ = 0;
  Block blocks_[kMaxBlocks];
};

}  // namespace instar
