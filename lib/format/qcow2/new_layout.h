// The layout of an image without a cluster of data: header, refcount table,
// one refcount block, the L1 table.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/geometry.h"
#include "lib/format/qcow2/header.h"

namespace instar::qcow2 {

class NewLayout {
 public:
  explicit NewLayout(const Header& header);

  uint64_t cluster_bytes() const { return geometry_.cluster_bytes(); }
  uint64_t refcount_table_offset() const { return cluster_bytes(); }
  uint64_t refcount_block_offset() const { return 2 * cluster_bytes(); }
  uint64_t l1_offset() const { return kFirstL1 << geometry_.cluster_bits; }
  uint64_t l1_bytes() const { return l1_entries_ * kL1EntryBytes; }
  uint64_t l1_clusters() const { return geometry_.Clusters(l1_bytes()); }
  uint64_t clusters() const { return kFirstL1 + l1_clusters(); }
  bool FitsOneBlock() const {
    return clusters() <= geometry_.refcounts_per_block();
  }
  const Geometry& geometry() const { return geometry_; }

 private:
  static constexpr uint64_t kFirstL1 = 3;  // cluster

  Geometry geometry_;
  uint64_t l1_entries_;
};

// Gives up all clusters of the image that `header` was read of, which has
// neither snapshots nor bitmaps nor anything else that needs some, and cuts the
// file to the new layout. REQUIRES: NewLayout(header).FitsOneBlock().
// Errors: kErrno, kNoMemory, kOverflow.
Status StartAnew(Arena& arena, File& file, const Header& header);

}  // namespace instar::qcow2
