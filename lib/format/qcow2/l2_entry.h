// What one entry of an L2 table says (qcow2.txt, "L2 table entry" and
// "Extended L2 Entries"); reader and writer ask here.
#pragma once

#include <cstdint>

#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {

// What an L2 entry says of a cluster or, with extended L2, of a subcluster.
enum class ClusterKind : uint8_t {
  kUnallocated,
  kUnallocatedWithOffset,  // a subcluster of an allocated cluster
  kZero,
  kZeroWithOffset,
  kData,
  kCompressed,
  kInvalid,
};

struct L2Entry {
  uint64_t word = 0;
  uint64_t bitmap = 0;  // extended L2 only

  uint64_t offset() const { return word & kL2OffsetMask; }
  // A bit for each subcluster.
  uint64_t allocated() const { return bitmap & 0xffff'ffff; }
  uint64_t zero() const { return bitmap >> kSubclusterZeroShift; }
  bool operator==(const L2Entry&) const = default;
};

// What decides how an image's entries are read.
struct L2Dialect {
  uint64_t cluster_bits = 16;
  bool extended = false;
  bool external_data = false;
};

// What the entry says of one of its subclusters, or of the cluster.
ClusterKind KindOf(const L2Dialect& dialect, const L2Entry& entry,
                   uint64_t subcluster);
// The same of the cluster as a whole.
ClusterKind ClusterKindOf(const L2Dialect& dialect, const L2Entry& entry);

// Where a compressed cluster is.
struct PackedCluster {
  uint64_t host_offset = 0;
  uint64_t stored_bytes = 0;  // upper bound
};
PackedCluster PackedClusterOf(const L2Dialect& dialect, const L2Entry& entry);
// The entry of a compressed cluster that is `bytes` > 0 long.
L2Entry PackedEntry(const L2Dialect& dialect, uint64_t host_offset,
                    uint64_t bytes);

}  // namespace instar::qcow2
