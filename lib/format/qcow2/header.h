// The header of a qcow2 image: parsed, and refused where qemu-img refuses it.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/qcow2/l2_entry.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {

struct Header {
  uint32_t version = 0;
  uint64_t backing_file_offset = 0;
  uint64_t backing_file_bytes = 0;
  uint64_t cluster_bits = 0;
  uint64_t size = 0;  // as stored; guests see whole sectors of it only
  uint32_t crypt_method = 0;
  uint64_t num_l1_entries = 0;
  uint64_t l1_offset = 0;
  uint64_t refcount_table_offset = 0;
  uint64_t refcount_table_clusters = 0;
  uint64_t num_snapshots = 0;
  uint64_t snapshots_offset = 0;
  uint64_t incompatible = 0;
  uint64_t compatible = 0;
  uint64_t autoclear = 0;
  uint64_t refcount_order = kDefaultRefcountOrder;
  uint64_t header_length = HeaderLayout::kSizeV2;
  uint32_t compression_type = 0;

  uint64_t cluster_size() const { return uint64_t{1} << cluster_bits; }
  uint64_t virtual_size() const { return size / 512 * 512; }
  bool has_data_file() const {
    return (incompatible & kIncompatibleDataFile) != 0;
  }
  bool has_extended_l2() const {
    return (incompatible & kIncompatibleExtendedL2) != 0;
  }
  L2Dialect l2_dialect() const {
    return {.cluster_bits = cluster_bits,
            .extended = has_extended_l2(),
            .external_data = has_data_file()};
  }
  uint64_t l2_entry_bytes() const {
    return has_extended_l2() ? kExtendedL2EntryBytes : kL2EntryBytes;
  }
  // Guest-visible bytes that one L2 table maps are 1 << l2_coverage_bits().
  uint64_t l2_coverage_bits() const {
    return 2 * cluster_bits - (has_extended_l2() ? 4 : 3);
  }
  // Where the header extensions end.
  uint64_t extensions_end() const {
    return backing_file_offset != 0 ? backing_file_offset : cluster_size();
  }
};

// Reads the header and checks all of it but what needs other parts of the
// file, in qemu-img's order. `arena` keeps the text of an error.
// Errors: kNotInFormat, kErrno, the kQcow2… of the header's fields. For
// kQcow2UnknownFeatures `text` is the image's own names for unknown bits,
// joined by ", ", and `value` the bits without a name.
// `for_check`: the snapshot table may be anywhere, and there need be no
// refcount table.
Result<Header> ReadHeader(BlockCache& cache, Arena& arena,
                          bool for_check = false);

// Whether the snapshot table can be where the header says.
// Errors: kQcow2SnapshotsTooLarge, kQcow2SnapshotOffset.
Status CheckSnapshotPlace(const Header& header);

}  // namespace instar::qcow2
