// All clusters that an L1 table refers to: the L2 tables and what these refer
// to. Snapshots add a reference to each of them, or take one back.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/l2_entry.h"
#include "lib/format/qcow2/metadata.h"
#include "lib/format/qcow2/table_batch.h"

namespace instar::qcow2 {

// L1 tables are given as the file has them. Tables are read from the file
// itself, so that nothing of them may wait in the image's caches.
class ClusterTree {
 public:
  // `image` must outlive this, and its BeginChanges has been called.
  explicit ClusterTree(Metadata& image) : image_(&image) {}

  // Errors: kNoMemory.
  Status Init();

  // One more reference to everything. After an error nothing has changed.
  // Errors: kErrno, with EINVAL where a cluster has as many references as can
  // be counted; kQcow2L2TableUnaligned, kQcow2ClusterUnaligned.
  Status Add(ByteView l1);
  // One less. Nothing may refer to these clusters by this table any more. The
  // space of what nobody refers to is given up. Errors: as above.
  Status Drop(ByteView l1);
  // Makes the entries of all L2 tables, and of `l1`, say which clusters have
  // one reference only (qcow2.txt, "bit 63"). Whether `l1` has changed; the
  // caller writes it. Errors: as above.
  Result<bool> MarkCopied(MutableBytes l1);

 private:
  enum class Change : uint8_t { kAdd, kDrop };

  // Host clusters, none where count is 0.
  struct Run {
    uint64_t first = 0;
    uint64_t count = 0;
  };

  template <typename Visit>
  Status ForEachTable(ByteView l1, Visit visit);
  Status Walk(ByteView l1, Change change, uint64_t limit);
  Status CountTable(uint64_t offset, ByteView table);
  Status CountRun(Run run);
  Status Settle();
  L2Entry EntryAt(ByteView table, uint64_t index) const;
  Result<Run> ClustersOf(const L2Entry& entry, uint64_t table_offset,
                         uint64_t index) const;
  // What bit 63 of an entry that refers to `run` is to be.
  Result<uint64_t> CopiedBit(uint64_t cluster);
  Status MarkTable(uint64_t offset, ByteView table);
  Result<bool> MarkEntry(uint64_t table_offset, uint64_t index);

  Metadata* image_;
  TableBatch batch_;
  MutableBytes table_;  // one that changes
  uint64_t entries_ = 0;
  uint64_t entry_bytes_ = 0;
  L2Dialect dialect_;

  // Of the walk that is going on.
  Change change_ = Change::kAdd;
  Run pending_;  // adjoining clusters that are yet to be counted
  uint64_t done_ = 0;
  uint64_t left_ = 0;
  FreedRun freed_;
};

}  // namespace instar::qcow2
