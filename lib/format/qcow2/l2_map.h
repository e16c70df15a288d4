// The L1 and L2 tables of an image that is written (qcow2.txt, "Cluster
// mapping"): made when they are first needed, copied where a snapshot shares
// them.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/format/qcow2/geometry.h"
#include "lib/format/qcow2/l2_entry.h"
#include "lib/format/qcow2/refcounts.h"
#include "lib/format/qcow2/table_store.h"

namespace instar::qcow2 {

// Whether a write must find a new cluster: there is none, or others share it.
bool NeedsNewCluster(const Geometry& geometry, const L2Entry& entry);

class L2Map {
 public:
  L2Map(TableStore& tables, Refcounts& refcounts, const Geometry& geometry,
        uint64_t l1_offset, uint64_t l1_entries);

  // For an image that gets its L1 table only now.
  void SetL1(uint64_t offset, uint64_t entries) {
    l1_offset_ = offset;
    l1_entries_ = entries;
  }

  // Which entry of its table, and how many entries a request may touch from
  // there: qemu's cache of L2 tables has slices of at most 64 KiB.
  uint64_t Index(uint64_t guest_offset) const;
  uint64_t EntriesLeft(uint64_t guest_offset) const;

  // Where the L2 table for `guest_offset` is, as a table that nobody shares;
  // made or copied if need be.
  // Errors: kQcow2L2TableUnaligned and those of Refcounts::Allocate.
  Result<uint64_t> WritableTable(uint64_t guest_offset);

  // The entry for `guest_offset`; all zeroes where there is no table.
  Result<L2Entry> Find(uint64_t guest_offset);

  Result<L2Entry> Load(uint64_t table, uint64_t index);
  Status Store(uint64_t table, uint64_t index, const L2Entry& entry);

 private:
  Result<uint64_t> L1EntryOffset(uint64_t l1_index) const;
  Result<uint64_t> TableOffset(uint64_t l1_index, uint64_t l1_entry) const;
  Status CopyTable(uint64_t from, uint64_t to);

  TableStore* tables_;
  Refcounts* refcounts_;
  const Geometry* geometry_;
  uint64_t l1_offset_;
  uint64_t l1_entries_;
  // The writable table used last: index ~0 where there is none.
  uint64_t known_l1_index_ = ~uint64_t{0};
  uint64_t known_table_ = 0;
};

}  // namespace instar::qcow2
