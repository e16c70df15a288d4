// What all parts of a check share: the image, what was found so far, and how
// it is told.
#pragma once

#include <cstdint>

#include "lib/base/errno.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/checker.h"
#include "lib/format/qcow2/extensions.h"
#include "lib/format/qcow2/header.h"

namespace instar::qcow2 {

// The end of a check that does not get to its end.
inline Error EndsWith(int32_t error) {
  return {.fault = Fault::kErrno, .error = error};
}

struct CheckRun {
  File* file = nullptr;
  BlockCache* cache = nullptr;
  ProblemVisitor* visitor = nullptr;
  CheckRules rules;
  Header header;
  Extensions extensions;
  uint64_t snapshot_table_bytes = 0;
  uint64_t dropped_snapshots = 0;  // by a repair

  uint64_t file_bytes = 0;    // whole sectors
  uint64_t num_clusters = 0;  // of the file; the last may be in part
  // Clusters whose refcounts are compared: one more, where the last region
  // that was counted reaches into it.
  uint64_t num_counted = 0;

  CheckResult result;
  // The metadata is walked once more, for other clusters: what is wrong with
  // it, and how much there is, is known.
  bool again = false;
  // A copied flag may be wrong.
  bool suspicious = false;
  bool told_bad_refblock = false;

  // What is mended on the way.
  RepairKinds fix;
  // The entries of the refcount table at `blocks_of` that are not all 0.
  uint64_t num_blocks = 0;
  uint64_t blocks_of = ~uint64_t{0};
  // A repair counts what it has counted before: all has been told.
  bool recounts = false;
  // The refcounts are such that they can only be made anew.
  bool rebuild = false;
  // A cluster has more references than its refcount can say.
  bool has_overflown = false;
  // The file has grown, so that there are more clusters to be counted.
  bool grown = false;

  uint64_t cluster_size() const { return header.cluster_size(); }
  uint64_t ClusterOf(uint64_t offset) const {
    return offset >> header.cluster_bits;
  }
  bool IsAligned(uint64_t offset) const {
    return (offset & (cluster_size() - 1)) == 0;
  }

  // A problem of the metadata, told on the first walk: one that counts as a
  // corruption, one that counts as the check's own error, one that does not
  // count.
  Status Corruption(const Error& problem);
  Status CheckError(const Error& problem);
  Status Remark(const Error& problem);
  // As Corruption, on every walk.
  Status CorruptionHere(const Error& problem);
  // As CorruptionHere, of what a cluster's count shows while it is made.
  Status CorruptionInCount(const Error& problem);
  // Forgets what is cached of a file that was written.
  void DropCache();
  // A refcount block whose offset cannot be: told once in all.
  Status BadRefblock(const Error& problem);
};

}  // namespace instar::qcow2
