// From guest-visible offsets to clusters: the walk through the L1 and L2
// tables (qcow2.txt, "Cluster mapping").
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/qcow2/header.h"

namespace instar::qcow2 {

// A run of guest-visible bytes of one kind.
struct Mapping {
  ClusterKind kind = ClusterKind::kUnallocated;
  uint64_t length = 0;
  uint64_t host_offset = 0;   // of the first byte; 0 without an offset
  uint64_t stored_bytes = 0;  // kCompressed: upper bound, from host_offset on
};

class ClusterMap {
 public:
  ClusterMap() = default;
  ClusterMap(BlockCache& cache, const Header& header);

  // The run at `offset`, at most `length` bytes, which is not 0. It never
  // leaves one slice of an L2 table: as many entries as fit in a cluster or
  // in 64 KiB, whichever is less.
  // Errors: kErrno, kQcow2L2TableUnaligned and the others of its group.
  Result<Mapping> Find(uint64_t offset, uint64_t length) const;

 private:
  // A slice and where it comes from.
  struct Slice {
    ByteView entries;
    uint64_t l2_offset = 0;  // of the table
  };
  struct Run {
    ClusterKind kind = ClusterKind::kUnallocated;
    uint64_t num_subclusters = 0;
  };

  Result<uint64_t> L2Offset(uint64_t offset) const;
  Result<Slice> LoadSlice(uint64_t l2_offset, uint64_t offset) const;
  Result<L2Entry> ReadEntry(const Slice& slice, uint64_t index) const;
  Run RunIn(const L2Entry& entry, uint64_t subcluster) const;
  Result<uint64_t> CountRun(const Slice& slice, uint64_t index,
                            uint64_t subcluster, uint64_t max_clusters) const;
  Status Place(const Slice& slice, uint64_t index, const L2Entry& entry,
               uint64_t offset, Mapping& mapping) const;

  BlockCache* cache_ = nullptr;
  Header header_;
  L2Dialect dialect_;
  uint64_t cluster_size_ = 0;
  uint64_t subclusters_ = 1;  // a cluster
  uint64_t slice_entries_ = 1;
};

}  // namespace instar::qcow2
