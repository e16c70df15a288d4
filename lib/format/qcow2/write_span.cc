#include "lib/format/qcow2/write_span.h"

#include <bit>

#include "lib/base/checked.h"

namespace instar::qcow2 {
namespace {

uint32_t AllocatedBits(const L2Entry& entry) {
  return static_cast<uint32_t>(entry.bitmap & 0xffff'ffff);
}

// Whether all of the old cluster's data moves.
bool Moves(ClusterKind kind) {
  return kind == ClusterKind::kCompressed || kind == ClusterKind::kData ||
         kind == ClusterKind::kZeroWithOffset ||
         kind == ClusterKind::kUnallocatedWithOffset;
}

uint64_t SpanStart(const Geometry& geometry, const L2Entry& entry,
                   uint64_t offset, bool in_place) {
  const uint64_t subcluster = geometry.Subcluster(offset);
  const ClusterKind kind = KindOf(geometry.l2_dialect(), entry, subcluster);
  if (in_place) {
    return kind == ClusterKind::kData
               ? geometry.InCluster(offset)
               : subcluster << geometry.subcluster_bits();
  }
  uint64_t first = subcluster;
  if (Moves(kind)) {
    const bool partly =
        geometry.extended_l2 && kind != ClusterKind::kCompressed;
    const int before = std::countr_zero(AllocatedBits(entry));
    first = partly ? Min(subcluster, static_cast<uint64_t>(before)) : 0;
  }
  return first << geometry.subcluster_bits();
}

// In bytes from the start of the last cluster.
uint64_t SpanEnd(const Geometry& geometry, const L2Entry& entry,
                 uint64_t last_byte, bool in_place) {
  const uint64_t subcluster = geometry.Subcluster(last_byte);
  const ClusterKind kind = KindOf(geometry.l2_dialect(), entry, subcluster);
  if (in_place) {
    return kind == ClusterKind::kData
               ? geometry.InCluster(last_byte) + 1
               : (subcluster + 1) << geometry.subcluster_bits();
  }
  if (!Moves(kind)) {
    return (subcluster + 1) << geometry.subcluster_bits();
  }
  if (!geometry.extended_l2 || kind == ClusterKind::kCompressed) {
    return geometry.cluster_bytes();
  }
  const int after = std::countl_zero(AllocatedBits(entry));
  const uint64_t unused = Min(kSubclustersPerCluster - subcluster - 1,
                              static_cast<uint64_t>(after));
  return (kSubclustersPerCluster - unused) << geometry.subcluster_bits();
}

}  // namespace

WriteSpan SpanOf(const Geometry& geometry, const L2Entry& first,
                 const L2Entry& last, uint64_t offset, uint64_t length,
                 bool in_place) {
  const uint64_t data_from = geometry.InCluster(offset);
  const uint64_t last_byte = offset + length - 1;
  const uint64_t last_cluster =
      geometry.ClusterStart(last_byte) - geometry.ClusterStart(offset);
  return {.from = SpanStart(geometry, first, offset, in_place),
          .data_from = data_from,
          .data_to = data_from + length,
          .to = last_cluster + SpanEnd(geometry, last, last_byte, in_place)};
}

uint64_t BitmapAfter(const Geometry& geometry, uint64_t bitmap,
                     const WriteSpan& span, uint64_t index) {
  const uint64_t start = index << geometry.cluster_bits;
  const uint64_t from = Max(span.from, start) - start;
  const uint64_t to = Min(span.to, start + geometry.cluster_bytes()) - start;
  const uint64_t first = from >> geometry.subcluster_bits();
  const uint64_t limit = DivRoundUp(to, geometry.subcluster_bytes());
  const uint64_t bits = (uint64_t{1} << limit) - (uint64_t{1} << first);
  return (bitmap | bits) & ~(bits << kSubclusterZeroShift);
}

}  // namespace instar::qcow2
