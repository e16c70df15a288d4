#include "lib/format/qcow2/l2_entry.h"

namespace instar::qcow2 {

ClusterKind ClusterKindOf(const L2Dialect& dialect, const L2Entry& entry) {
  const bool has_offset = entry.offset() != 0;
  if ((entry.word & kEntryCompressed) != 0) {
    return ClusterKind::kCompressed;
  }
  if (!dialect.extended && (entry.word & kEntryZero) != 0) {
    return has_offset ? ClusterKind::kZeroWithOffset : ClusterKind::kZero;
  }
  // In an external data file the first cluster is at offset 0.
  const bool is_first =
      dialect.external_data && (entry.word & kEntryCopied) != 0;
  return has_offset || is_first ? ClusterKind::kData
                                : ClusterKind::kUnallocated;
}

ClusterKind KindOf(const L2Dialect& dialect, const L2Entry& entry,
                   uint64_t subcluster) {
  const ClusterKind cluster = ClusterKindOf(dialect, entry);
  if (!dialect.extended || cluster == ClusterKind::kCompressed) {
    return cluster;
  }
  const uint64_t allocated = entry.allocated();
  const uint64_t zero = entry.zero();
  const bool is_zero = (zero >> subcluster & 1) != 0;
  if (cluster == ClusterKind::kUnallocated) {
    if (allocated != 0) {
      return ClusterKind::kInvalid;
    }
    return is_zero ? ClusterKind::kZero : ClusterKind::kUnallocated;
  }
  if ((allocated & zero) != 0) {
    return ClusterKind::kInvalid;
  }
  if (is_zero) {
    return ClusterKind::kZeroWithOffset;
  }
  return (allocated >> subcluster & 1) != 0
             ? ClusterKind::kData
             : ClusterKind::kUnallocatedWithOffset;
}

// qcow2.txt, "Compressed Clusters Descriptor"
PackedCluster PackedClusterOf(const L2Dialect& dialect, const L2Entry& entry) {
  const uint64_t length_bits = dialect.cluster_bits - 8;
  const uint64_t length_shift = 62 - length_bits;
  const uint64_t sectors =
      ((entry.word >> length_shift) & ((uint64_t{1} << length_bits) - 1)) + 1;
  const uint64_t start = entry.word & ((uint64_t{1} << length_shift) - 1);
  return {.host_offset = start,
          .stored_bytes = sectors * kCompressedSectorBytes -
                          start % kCompressedSectorBytes};
}

L2Entry PackedEntry(const L2Dialect& dialect, uint64_t host_offset,
                    uint64_t bytes) {
  const uint64_t length_shift = 62 - (dialect.cluster_bits - 8);
  const uint64_t more_sectors =
      (host_offset + bytes - 1) / kCompressedSectorBytes -
      host_offset / kCompressedSectorBytes;
  return {.word =
              kEntryCompressed | more_sectors << length_shift | host_offset};
}

}  // namespace instar::qcow2
