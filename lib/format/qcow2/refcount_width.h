// New refcount structures of another width (qcow2.txt, "refcount_order"), made
// beside the old ones and taken into use by one write of the header.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/amend.h"
#include "lib/format/qcow2/metadata.h"

namespace instar::qcow2 {

class RefcountWidth {
 public:
  // Refcounts of 1 << `order` bits. `image` must outlive this, and its
  // BeginChanges has been called.
  RefcountWidth(Metadata& image, uint64_t order, AmendProgress& progress)
      : image_(&image), order_(order), progress_(&progress) {}

  // Errors: kErrno, kAmendRefcountTooLarge, kAmendReftableTooLarge. The image
  // has its old refcounts then, and maybe leaks.
  Status Change();

 private:
  // Allocates until all that is in use has a new block that counts it, the new
  // structures among it.
  Status Allocate();
  Result<bool> AllocateOnce(uint64_t round);
  // Whether none of the clusters is in use.
  Result<bool> AreFree(uint64_t first, uint64_t count);
  Status AllocateBlock(uint64_t index, bool& allocated);
  Status CheckFits(uint64_t cluster, uint64_t refcount) const;
  Status WriteBlocks(uint64_t round);
  Status WriteBlock(uint64_t index, uint64_t offset);
  Status FreeOld(uint64_t old_table, uint64_t old_clusters,
                 uint64_t old_entries);
  void Report(uint64_t round, uint64_t block);

  uint64_t old_entries() const {
    return image_->refcounts().table_clusters() *
           (image_->geometry().cluster_bytes() / Be64::kSize);
  }
  uint64_t new_per_block() const {
    return uint64_t{1} << (image_->geometry().cluster_bits + 3 - order_);
  }

  Metadata* image_;
  uint64_t order_;
  AmendProgress* progress_;
  MutableBytes table_;  // new, as the file will have it
  uint64_t entries_ = 0;
  uint64_t table_offset_ = 0;
  uint64_t total_rounds_ = 3;
  uint64_t reported_ = 0;    // percents
  uint64_t num_blocks_ = 0;  // that were allocated
  MutableBytes block_;
};

}  // namespace instar::qcow2
