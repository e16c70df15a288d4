// Clusters that are marked as zeroes, turned into what version 2 of the format
// can say: clusters that hold zeroes or, where nothing lies below, none.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/amend.h"
#include "lib/format/qcow2/l2_entry.h"
#include "lib/format/qcow2/metadata.h"

namespace instar::qcow2 {

class ZeroExpansion {
 public:
  // `image` must outlive this, and its BeginChanges has been called.
  ZeroExpansion(Metadata& image, AmendProgress& progress)
      : image_(&image), progress_(&progress) {}

  // Whether any table, also of a snapshot, refers to a compressed cluster.
  // Errors: kErrno, kQcow2L2TableUnaligned.
  Result<bool> HasCompressed();
  // Errors: also kQcow2ClusterUnaligned, kSizeTooLarge.
  Status Expand();

 private:
  // Calls `visit` with the offset of every L2 table, whose bytes are in
  // table_.
  template <typename Visit>
  Status ForEachTable(Visit visit);
  template <typename Visit>
  Status WalkL1(uint64_t offset, uint64_t entries, Visit visit);
  Status Init();

  Status ExpandTable(uint64_t offset);
  // What the entry becomes.
  Result<uint64_t> Replace(const L2Entry& entry, uint64_t table_refcount);
  Result<uint64_t> TakeCluster(uint64_t references);
  Status WriteTable(uint64_t offset, uint64_t table_refcount);

  Metadata* image_;
  AmendProgress* progress_;
  bool is_ready_ = false;
  MutableBytes table_;
  uint64_t done_entries_ = 0;  // of L1 tables
  uint64_t all_entries_ = 0;

  // Of the table in hand.
  bool wrote_zeroes_ = false;
  MutableBytes dropped_;  // clusters that it no longer refers to
  uint64_t num_dropped_ = 0;
};

}  // namespace instar::qcow2
