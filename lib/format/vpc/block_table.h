// The block allocation table of a dynamic VHD image: where each block is.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/vpc/header.h"

namespace instar::vpc {

class BlockTable {
 public:
  // A run of entries.
  struct Chunk {
    static constexpr uint64_t kMaxEntries = 128;

    uint64_t count = 0;
    uint64_t entries[kMaxEntries] = {};
  };

  BlockTable() = default;

  // Memory comes from `arena` and does not depend on the table's length.
  // REQUIRES: header.has_table. Errors: kNoMemory.
  static Result<BlockTable> Create(Arena& arena, File& file,
                                   const Header& header);

  // The entry of the block `index`, kUnallocated behind the last one.
  // Errors: kErrno.
  Result<uint64_t> Entry(uint64_t index);

  // Fills `chunk` with the entries from `first` on, at least one.
  // REQUIRES: first < num_entries. Errors: kErrno.
  Status Copy(uint64_t first, Chunk& chunk);

  // Refuses a file that ends before the last block does, as qemu-img does when
  // it opens one. Returns where the last block ends.
  // Errors: kVpcTruncated, kVpcTable.
  Result<uint64_t> FindEnd(const File& file);

 private:
  BlockCache cache_;
  Header header_;
};

}  // namespace instar::vpc
