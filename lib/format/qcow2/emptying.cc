#include "lib/format/qcow2/emptying.h"

#include <span>

#include "lib/base/checked.h"
#include "lib/format/qcow2/l2_map.h"
#include "lib/format/qcow2/metadata.h"
#include "lib/format/qcow2/new_layout.h"

namespace instar::qcow2 {
namespace {

// Nothing but the active L1 table needs clusters, and one refcount block counts
// what a new image has.
bool CanStartAnew(const Metadata& metadata) {
  const Header& header = metadata.header;
  return header.version >= 3 && header.num_snapshots == 0 &&
         metadata.extensions.num_bitmaps == 0 &&
         !metadata.extensions.stale_bitmaps &&
         header.crypt_method != kCryptLuks && !header.has_data_file() &&
         NewLayout(header).FitsOneBlock();
}

// Drops all clusters table by table; the tables stay. A cluster is given up
// only when no table on the disk refers to it.
class Dropping {
 public:
  Dropping(Metadata& metadata, File* data_file)
      : metadata_(metadata),
        data_file_(data_file),
        map_(metadata.tables(), metadata.refcounts(), metadata.geometry(),
             metadata.header.l1_offset, metadata.header.num_l1_entries) {}

  Status Run() {
    const Geometry& geometry = metadata_.geometry();
    const uint64_t count = geometry.l2_entries();
    entries_ =
        std::span(TRY(metadata_.arena().NewArray<L2Entry>(count)), count);
    const uint64_t covered = uint64_t{1} << metadata_.header.l2_coverage_bits();
    const uint64_t tables = Min(DivRoundUp(geometry.virtual_size, covered),
                                metadata_.header.num_l1_entries);
    for (uint64_t i = 0; i < tables; ++i) {
      const uint64_t l1_entry = TRY(metadata_.tables().Load64(
          Table::kL1, metadata_.header.l1_offset + i * kL1EntryBytes));
      if ((l1_entry & kL1OffsetMask) != 0) {
        TRY(DropTable(i * covered));
      }
    }
    return metadata_.Sync();
  }

 private:
  Status DropTable(uint64_t guest_offset) {
    const uint64_t count = metadata_.geometry().l2_entries();
    const uint64_t table = TRY(map_.WritableTable(guest_offset));
    bool is_empty = true;
    for (uint64_t i = 0; i < count; ++i) {
      entries_[i] = TRY(map_.Load(table, i));
      if (entries_[i] != L2Entry{}) {
        is_empty = false;
        TRY(map_.Store(table, i, L2Entry{}));
      }
    }
    if (is_empty) {
      return {};
    }
    TRY(metadata_.Sync());
    for (uint64_t i = 0; i < count; ++i) {
      TRY(DropCluster(entries_[i]));
    }
    return {};
  }

  Status DropCluster(const L2Entry& entry) {
    const Geometry& geometry = metadata_.geometry();
    const L2Dialect dialect = geometry.l2_dialect();
    const ClusterKind kind = ClusterKindOf(dialect, entry);
    if (kind == ClusterKind::kCompressed) {
      const PackedCluster packed = PackedClusterOf(dialect, entry);
      return metadata_.refcounts().Free(packed.host_offset, packed.stored_bytes,
                                        true);
    }
    const bool has_cluster =
        kind == ClusterKind::kData || kind == ClusterKind::kZeroWithOffset;
    // Of one that is not aligned nobody knows whose it is.
    if (!has_cluster || geometry.InCluster(entry.offset()) != 0) {
      return {};
    }
    const uint64_t bytes = geometry.cluster_bytes();
    if (!geometry.external_data) {
      return metadata_.refcounts().Free(entry.offset(), bytes, true);
    }
    const uint64_t size = data_file_ == nullptr ? 0 : data_file_->size();
    return entry.offset() >= size
               ? Status()
               : data_file_->WriteZeroes(
                     entry.offset(), Min(bytes, size - entry.offset()), true);
  }

  Metadata& metadata_;
  File* data_file_;
  L2Map map_;
  std::span<L2Entry> entries_;
};

}  // namespace

Status MakeEmpty(Arena& arena, File& file, File* data_file) {
  Metadata metadata(arena, file);
  TRY(metadata.Open(1));
  TRY(metadata.BeginChanges());
  const uint64_t kept = KeptAutoclear(metadata.header);
  if (metadata.header.autoclear != kept) {
    metadata.header.autoclear = kept;
    TRY(metadata.WriteHeader());
  }
  if (CanStartAnew(metadata)) {
    return StartAnew(arena, file, metadata.header);
  }
  return Dropping(metadata, data_file).Run();
}

}  // namespace instar::qcow2
