// Where the bytes of an extent are: its directory and tables, read through
// caches of fixed size that all extents of an image share.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/vmdk/extent.h"

namespace instar::vmdk {

enum class GrainKind : uint8_t {
  kUnallocated,  // the parent decides
  kZeroed,
  kStored,
  kBroken,  // no place to look for it, or an entry without a meaning
};

struct Grain {
  GrainKind kind = GrainKind::kUnallocated;
  // kStored: bytes. Of a packed grain without a marker, or of its marker.
  uint64_t offset = 0;
  // kUnallocated: the whole table is missing.
  bool lacks_table = false;
};

class GrainMap {
 public:
  GrainMap() = default;

  // Blocks are cut from `arena`. Errors: kNoMemory.
  static Result<GrainMap> Create(Arena& arena, File& file);

  // The grain with the sector that is the `sector`th of `extent`.
  // Errors: kErrno.
  Result<Grain> Find(const ImageExtent& extent, uint64_t sector);

 private:
  void LookInto(File& file);
  Result<Grain> FindSparse(const ImageExtent& extent, uint64_t table_offset,
                           uint64_t index);
  Result<Grain> FindSeSparse(const ImageExtent& extent,
                             uint64_t directory_entry, uint64_t index);

  File* file_ = nullptr;  // that the caches hold blocks of
  BlockCache directory_;
  BlockCache tables_;
};

}  // namespace instar::vmdk
