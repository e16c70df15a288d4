// The refcounts that an image stores (qcow2.txt, "Host cluster management"),
// read as qemu-img's check reads them.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/qcow2/header.h"
#include "lib/format/qcow2/table_batch.h"

namespace instar::qcow2 {

// The refcount of `cluster`, 0 where no block covers it.
// Errors: kErrno; kCheckRefblockOffset.
Result<uint64_t> StoredRefcount(BlockCache& cache, const Header& header,
                                uint64_t cluster);

// How many clusters one refcount block is about.
inline uint64_t RefcountsPerBlock(const Header& header) {
  return (header.cluster_size() * 8) >> header.refcount_order;
}

// The refcounts of a run of clusters, in pieces.
class RefcountWalk {
 public:
  static constexpr uint64_t kMaxPiece = 256;

  struct Piece {
    uint64_t first = 0;  // cluster
    uint64_t count = 0;
    Error error;  // where there is a fault the values are not known
    uint64_t values[kMaxPiece] = {};
  };

  // `batch` is the walk's while it lasts.
  RefcountWalk(BlockCache& cache, TableBatch& batch, const Header& header,
               uint64_t first, uint64_t count)
      : cache_(&cache),
        batch_(&batch),
        header_(&header),
        next_(first),
        end_(first + count) {}

  // False: there are no more. Errors: kErrno, of the refcount table.
  Result<bool> Next(Piece& piece);

 private:
  static constexpr uint64_t kNotRead = ~uint64_t{0};

  // One entry of the refcount table.
  struct Block {
    uint64_t offset = 0;
    uint64_t in_batch = kNotRead;
  };

  Status Fill(uint64_t block);

  BlockCache* cache_;
  TableBatch* batch_;
  const Header* header_;
  uint64_t next_;  // cluster
  uint64_t end_;
  uint64_t first_block_ = 0;  // index of blocks_[0]
  uint64_t num_blocks_ = 0;
  Block blocks_[TableBatch::kMaxTables];
};

// Stores the values of a piece whose block is there, for a piece that begins
// with a whole byte. Errors: kErrno.
Status StoreRefcounts(File& file, BlockCache& cache, const Header& header,
                      const RefcountWalk::Piece& piece);

}  // namespace instar::qcow2
