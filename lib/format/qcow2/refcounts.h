// Host clusters of an image that is written: which are in use, and which comes
// next.
//
// The choice is qemu-img's, cluster by cluster, so that the same writes make
// the same image: the lowest free run from a moving start; a refcount block at
// the first free cluster when its range is reached, after which the search is
// done again; a refcount table that grows behind everything that it counts.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/geometry.h"
#include "lib/format/qcow2/table_store.h"

namespace instar::qcow2 {

// Clusters that have become free, adjoining, and are yet to be given up.
struct FreedRun {
  uint64_t first = 0;
  uint64_t count = 0;
};

class Refcounts {
 public:
  Refcounts(File& file, TableStore& tables, const Geometry& geometry,
            uint64_t table_offset, uint64_t table_clusters);

  // Nothing below the cluster behind `offset` is handed out any more, unless it
  // is freed.
  void SearchFrom(uint64_t offset) { next_free_ = geometry_->Clusters(offset); }

  // Where the search stands, as SearchFrom has it.
  uint64_t search_start() const {
    return next_free_ << geometry_->cluster_bits;
  }

  // Takes `count` > 0 adjoining free clusters. Returns the first's offset.
  // Errors: kSizeTooLarge, kQcow2CorruptEntry, kErrno.
  Result<uint64_t> Allocate(uint64_t count);

  // Takes the free clusters from `offset` on, up to `count`; how many, which
  // may be none.
  Result<uint64_t> AllocateAt(uint64_t offset, uint64_t count);

  // Adds a reference to the cluster that `offset` lies in, which is in use.
  // False: it has as many as can be counted. Errors: kErrno.
  Result<bool> Share(uint64_t offset);

  // Drops one reference to each cluster that [offset, +bytes) touches. With
  // `discard` the file may give up what becomes free.
  Status Free(uint64_t offset, uint64_t bytes, bool discard);

  // The number of references to a cluster. Errors: kErrno, kQcow2CorruptEntry.
  Result<uint64_t> Count(uint64_t cluster) { return Get(cluster); }
  // Whether there is a block that counts the cluster. Errors: as above.
  Result<bool> HasBlock(uint64_t cluster) {
    const uint64_t offset = TRY(BlockOffset(BlockIndex(cluster)));
    return offset != 0;
  }

  // Adds a reference to each of the clusters [first, +count), which are in use.
  // `added` grows by as many as got one. Errors: kErrno, with EINVAL where a
  // cluster has as many as can be counted.
  Status AddReferences(uint64_t first, uint64_t count, uint64_t& added);
  // Drops one of each; a run of those that become free is kept in `freed`, as
  // long as it grows, and given up then. Errors: kErrno, with EINVAL where
  // there is none.
  Status DropReferences(uint64_t first, uint64_t count, FreedRun& freed);
  // Lets the file give up the run, which is none afterwards.
  Status GiveUp(FreedRun& freed);

  // Makes room for refcounts of `additional` clusters behind `start`, which is
  // the end of all that is in use, with new refcount blocks and a new table at
  // `start`. Returns where they end. `exact`: no reserve for growth.
  // `block_index`: where `block_offset` not 0, the block of that index.
  // Errors: kSizeTooLarge.
  Result<uint64_t> AddArea(uint64_t start, uint64_t additional, bool exact,
                           uint64_t block_index, uint64_t block_offset);

  // Takes blocks that count nothing out of the table and gives up their
  // clusters. What was changed before must have been written.
  Status DropEmptyBlocks();

  // Where the last cluster in use ends, of those that a file of `file_bytes`
  // has.
  Result<uint64_t> EndOfUse(uint64_t file_bytes);

  uint64_t table_offset() const { return table_offset_; }
  uint64_t table_clusters() const { return table_clusters_; }

  // No cluster at or beyond it has been handed out since the image was opened.
  uint64_t high_water() const { return high_water_; }

 private:
  // Where a refcount is: a page of its block, and its index there.
  struct Place {
    Page* page = nullptr;  // null: no block covers the cluster
    uint64_t index = 0;
  };

  uint64_t BlockIndex(uint64_t cluster) const;
  Result<uint64_t> BlockOffset(uint64_t block_index);
  Result<Place> Locate(uint64_t cluster);
  uint64_t Read(const Place& place) const;
  void Write(const Place& place, uint64_t value);
  Result<uint64_t> Get(uint64_t cluster);

  Result<uint64_t> FindFree(uint64_t count);
  Result<bool> Take(uint64_t first, uint64_t count);
  Status Release(uint64_t first, uint64_t count, bool is_undo, bool discard);
  Result<bool> ReleaseOne(uint64_t cluster, bool is_undo);
  Status Discard(uint64_t first, uint64_t count);
  Status AddBlock(uint64_t cluster);
  Status Hook(uint64_t cluster, uint64_t block_offset);
  Status FillArea(uint64_t start, uint64_t end, uint64_t first_block,
                  uint64_t num_blocks);
  Result<bool> IsEmptyBlock(uint64_t block_index, uint64_t offset);
  Status GiveUpBlocks(std::span<const uint64_t> offsets);
  Status SwitchTable(uint64_t offset, uint64_t clusters);

  File* file_;
  TableStore* tables_;
  const Geometry* geometry_;
  uint64_t table_offset_;
  uint64_t table_clusters_;
  uint64_t table_entries_;
  uint64_t max_refcount_;
  uint64_t next_free_ = 0;  // where the search for free clusters starts
  uint64_t high_water_ = 0;
  // The block looked up last: offset ~0 where there is none.
  uint64_t known_block_ = ~uint64_t{0};
  uint64_t known_offset_ = 0;
};

// The size of refcount structures for `clusters` clusters and themselves, in
// blocks. `generous`: with half a table's clusters in reserve.
// Errors: kOverflow.
Result<uint64_t> RefcountBlocksFor(const Geometry& geometry, uint64_t clusters,
                                   bool generous);

}  // namespace instar::qcow2
