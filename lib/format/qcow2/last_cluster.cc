#include "lib/format/qcow2/last_cluster.h"

#include "lib/base/checked.h"
#include "lib/format/qcow2/l2_entry.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {
namespace {

// Where the bytes of the entry end in the file; 0: it has none there.
uint64_t EndOf(const Header& header, const L2Entry& entry) {
  switch (ClusterKindOf(header.l2_dialect(), entry)) {
    case ClusterKind::kData:
    case ClusterKind::kZeroWithOffset:
    case ClusterKind::kUnallocatedWithOffset:
      return header.has_data_file() ? 0
                                    : entry.offset() + header.cluster_size();
    case ClusterKind::kCompressed: {
      const PackedCluster packed = PackedClusterOf(header.l2_dialect(), entry);
      return packed.host_offset + packed.stored_bytes;
    }
    case ClusterKind::kUnallocated:
    case ClusterKind::kZero:
    case ClusterKind::kInvalid:
      break;
  }
  return 0;
}

}  // namespace

Result<uint64_t> BehindLastCluster(BlockCache& cache, const Header& header) {
  uint64_t table = 0;
  for (uint64_t i = header.num_l1_entries; i-- > 0 && table == 0;) {
    const uint64_t at = TRY(CheckedAdd(header.l1_offset, i * kL1EntryBytes));
    const uint64_t entry = TRY(cache.At<Be64>(at));
    table = entry & kL1OffsetMask;
  }
  if (table == 0) {
    return uint64_t{0};
  }
  const uint64_t entry_bytes = header.l2_entry_bytes();
  const uint64_t entries = header.cluster_size() / entry_bytes;
  for (uint64_t i = entries; i-- > 0;) {
    const uint64_t at = table + i * entry_bytes;
    const L2Entry entry = {.word = TRY(cache.At<Be64>(at)), .bitmap = 0};
    const uint64_t end = EndOf(header, entry);
    if (end != 0) {
      return end;
    }
  }
  return table + header.cluster_size();
}

}  // namespace instar::qcow2
