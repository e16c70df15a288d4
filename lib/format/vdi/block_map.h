// The block map of a VDI image: which block of the data area holds a block of
// the disk.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/vdi/header.h"

namespace instar::vdi {

class BlockMap {
 public:
  BlockMap() = default;

  // Memory comes from `arena` and does not depend on the map's length.
  // Errors: kNoMemory.
  static Result<BlockMap> Create(Arena& arena, File& file,
                                 const Header& header);

  // The entry of the block `index`. An entry past the end of the file is 0, a
  // stored block: qemu-img sees zeroes there, too.
  // REQUIRES: index < num_blocks. Errors: kErrno.
  Result<uint64_t> Entry(uint64_t index);

 private:
  BlockCache cache_;
  uint64_t map_offset_ = 0;
};

}  // namespace instar::vdi
