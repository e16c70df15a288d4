// How often the metadata refers to each cluster of the file, counted for one
// window of clusters at a time, beside the stored refcounts that are 1.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/counters.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/check_run.h"
#include "lib/format/qcow2/table_batch.h"

namespace instar::qcow2 {

class ReferenceCounts {
 public:
  ReferenceCounts() = default;
  // Takes what `arena` has left, but no more than a file of `num_clusters`
  // needs. Errors: kNoMemory.
  static Result<ReferenceCounts> Create(Arena& arena, uint64_t num_clusters,
                                        uint64_t refcount_order);

  // The most clusters that one window holds, and that bits alone can be kept
  // of.
  uint64_t max_clusters() const { return max_clusters_; }

  // Starts anew with the `count` clusters from `first` on, and reads which of
  // their stored refcounts are 1. Errors: kErrno.
  Status SetWindow(CheckRun& run, TableBatch& batch, uint64_t first,
                   uint64_t count);
  // As SetWindow, without counters, for as many clusters from 0 on, up to
  // `num_clusters`, as there is memory for.
  Status KeepOnesOnly(CheckRun& run, TableBatch& batch, uint64_t num_clusters);

  uint64_t first() const { return first_; }
  uint64_t size() const { return size_; }
  bool Holds(uint64_t cluster) const { return cluster - first_ < size_; }

  // REQUIRES, here and below: Holds(cluster).
  bool StoredIsOne(uint64_t cluster) const {
    return ones_.Get(cluster - first_);
  }
  uint64_t Get(uint64_t cluster) const {
    return counters_.Get(cluster - first_);
  }
  // One more reference; false: that is more than a refcount can be.
  bool Add(uint64_t cluster) {
    return counters_.Add(cluster - first_, max_refcount_);
  }

  // Counts a reference to each cluster that [offset, +bytes) touches, if the
  // window holds it. Reports regions beyond the end of the file and counts
  // that are too high. Errors: the visitor's.
  Status AddRegion(CheckRun& run, uint64_t offset, uint64_t bytes);
  // For one cluster; `offset` is where it begins.
  Status AddCluster(CheckRun& run, uint64_t offset);

 private:
  Status ReadOnes(CheckRun& run, TableBatch& batch);

  MutableBytes memory_;
  Counters counters_;
  BitArray ones_;
  bool wide_ = false;
  uint64_t max_clusters_ = 0;
  uint64_t max_refcount_ = 0;
  uint64_t first_ = 0;
  uint64_t size_ = 0;
};

}  // namespace instar::qcow2
