// The grain tables of an image that is written: changed in memory, a bounded
// number of pieces of them, and stored in both copies that an extent has.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/vmdk/extent.h"

namespace instar::vmdk {

class GrainTables {
 public:
  // Errors: kNoMemory.
  Status Init(Arena& arena, File& file);
  // From now on what was written to an extent's file before is durable before
  // any entry is written.
  void WriteInOrder() { in_order_ = true; }

  // The entry of the extent's grain number `grain`: the grain's sector in the
  // extent's file, 0, or kZeroedGrain.
  // REQUIRES: the extent is kSparse and has that grain.
  // Errors: kErrno, also where there is no table for it.
  Result<uint64_t> Load(const ImageExtent& extent, uint64_t grain);
  Status Store(const ImageExtent& extent, uint64_t grain, uint64_t entry);

  // Writes what changed.
  Status Flush();

 private:
  static constexpr uint64_t kPageBytes = 2048;
  static constexpr uint64_t kPageEntries = kPageBytes / Le32::kSize;
  static constexpr uint64_t kNumPages = 16;

  struct Page {
    MutableBytes bytes;
    File* file = nullptr;  // null: holds nothing
    uint64_t offset = 0;
    uint64_t second_offset = 0;  // 0: there is no second copy
    uint64_t length = 0;
    uint64_t last_use = 0;
    // What changed, in bytes; nothing where they are equal.
    uint64_t dirty_from = 0;
    uint64_t dirty_to = 0;
  };

  Result<Page*> Find(const ImageExtent& extent, uint64_t grain);
  Result<uint64_t> TableOffset(const ImageExtent& extent, BlockCache& directory,
                               uint64_t directory_offset, uint64_t table);
  static Status Write(Page& page);
  Status Barrier();
  Result<Page*> TakePage();

  Page pages_[kNumPages];
  uint64_t clock_ = 0;
  bool in_order_ = false;
  // The piece that was asked for last, and what it is of.
  Page* last_ = nullptr;
  const ImageExtent* last_extent_ = nullptr;
  uint64_t last_first_grain_ = 0;
  File* directory_file_ = nullptr;
  BlockCache directory_;
  BlockCache second_directory_;
};

}  // namespace instar::vmdk
