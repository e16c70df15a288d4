// What the header fixes about an image that is written.
#pragma once

#include <cstdint>

#include "lib/format/facts.h"
#include "lib/format/qcow2/l2_entry.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {

struct Geometry {
  uint32_t version = 3;
  uint64_t cluster_bits = 16;
  uint64_t refcount_order = kDefaultRefcountOrder;
  bool extended_l2 = false;
  bool external_data = false;      // data clusters lie in a file of their own
  bool external_data_raw = false;  // … which is kept readable as a raw image
  Compression compression = Compression::kZlib;
  uint64_t virtual_size = 0;  // bytes

  uint64_t cluster_bytes() const { return uint64_t{1} << cluster_bits; }
  uint64_t InCluster(uint64_t offset) const {
    return offset & (cluster_bytes() - 1);
  }
  uint64_t ClusterStart(uint64_t offset) const {
    return offset & ~(cluster_bytes() - 1);
  }
  // Clusters that hold `bytes`.
  uint64_t Clusters(uint64_t bytes) const {
    return (bytes >> cluster_bits) + (InCluster(bytes) != 0 ? 1 : 0);
  }
  // The unit of allocation within a cluster; the cluster without extended L2.
  uint64_t subcluster_bits() const {
    return extended_l2 ? cluster_bits - 5 : cluster_bits;
  }
  uint64_t subcluster_bytes() const { return uint64_t{1} << subcluster_bits(); }
  uint64_t Subcluster(uint64_t offset) const {
    return InCluster(offset) >> subcluster_bits();
  }

  L2Dialect l2_dialect() const {
    return {.cluster_bits = cluster_bits,
            .extended = extended_l2,
            .external_data = external_data};
  }
  uint64_t l2_entry_bytes() const {
    return extended_l2 ? kExtendedL2EntryBytes : kL2EntryBytes;
  }
  uint64_t l2_entries() const { return cluster_bytes() / l2_entry_bytes(); }
  uint64_t l1_entries() const {
    const uint64_t covered = cluster_bytes() * l2_entries();
    return virtual_size / covered + (virtual_size % covered != 0 ? 1 : 0);
  }
  uint64_t refcounts_per_block() const {
    return uint64_t{1} << (cluster_bits + 3 - refcount_order);
  }
};

}  // namespace instar::qcow2
