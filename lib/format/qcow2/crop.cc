#include "lib/format/qcow2/crop.h"

#include "lib/base/checked.h"
#include "lib/format/qcow2/l2_entry.h"
#include "lib/format/qcow2/l2_map.h"

namespace instar::qcow2 {
namespace {

class Cropping {
 public:
  Cropping(Metadata& image, EmptyTables empty)
      : image_(&image),
        geometry_(&image.geometry()),
        map_(image.tables(), image.refcounts(), image.geometry(),
             image.header.l1_offset, image.header.num_l1_entries),
        empty_(empty) {}

  Status Run(uint64_t first_cluster);

 private:
  Result<bool> HasEntries(uint64_t table, uint64_t from);
  Status CropTable(uint64_t l1_index, uint64_t table, uint64_t from);
  Status DropTable(uint64_t l1_index, uint64_t table);
  Status Drop(const L2Entry& entry);
  Status DropRun();

  Metadata* image_;
  const Geometry* geometry_;
  L2Map map_;
  EmptyTables empty_;
  // Adjoining clusters whose references are dropped together.
  uint64_t run_offset_ = 0;
  uint64_t run_bytes_ = 0;
};

Status Cropping::Run(uint64_t first_cluster) {
  const uint64_t entries = geometry_->l2_entries();
  const Header& header = image_->header;
  uint64_t from = first_cluster % entries;
  for (uint64_t i = first_cluster / entries; i < header.num_l1_entries; ++i) {
    const uint64_t at = header.l1_offset + i * kL1EntryBytes;
    const uint64_t l1_entry = TRY(image_->tables().Load64(Table::kL1, at));
    const uint64_t table = l1_entry & kL1OffsetMask;
    if (geometry_->InCluster(table) != 0) {
      return Error{
          .fault = Fault::kQcow2L2TableUnaligned, .value = table, .value2 = i};
    }
    if (table != 0 && from != 0) {
      TRY(CropTable(i, table, from));
    } else if (table != 0) {
      TRY(DropTable(i, table));
    }
    from = 0;
  }
  return {};
}

Result<bool> Cropping::HasEntries(uint64_t table, uint64_t from) {
  for (uint64_t i = from; i < geometry_->l2_entries(); ++i) {
    const L2Entry entry = TRY(map_.Load(table, i));
    if (entry != L2Entry{}) {
      return true;
    }
  }
  return false;
}

// The end lies in the table's part of the disk. A snapshot may share it.
Status Cropping::CropTable(uint64_t l1_index, uint64_t table, uint64_t from) {
  const bool has_entries = TRY(HasEntries(table, from));
  if (!has_entries) {
    return {};
  }
  const uint64_t first = l1_index * geometry_->l2_entries();
  const uint64_t own =
      TRY(map_.WritableTable(first << geometry_->cluster_bits));
  for (uint64_t i = from; i < geometry_->l2_entries(); ++i) {
    const L2Entry entry = TRY(map_.Load(own, i));
    if (entry != L2Entry{}) {
      TRY(map_.Store(own, i, L2Entry{}));
      TRY(Drop(entry));
    }
  }
  return DropRun();
}

Status Cropping::DropTable(uint64_t l1_index, uint64_t table) {
  if (empty_ == EmptyTables::kKeep) {
    const bool has_entries = TRY(HasEntries(table, 0));
    if (!has_entries) {
      return {};
    }
  }
  const uint64_t at = image_->header.l1_offset + l1_index * kL1EntryBytes;
  TRY(image_->tables().Store64(Table::kL1, at, 0));
  for (uint64_t i = 0; i < geometry_->l2_entries(); ++i) {
    const L2Entry entry = TRY(map_.Load(table, i));
    if (entry != L2Entry{}) {
      TRY(Drop(entry));
    }
  }
  TRY(DropRun());
  return image_->refcounts().Free(table, geometry_->cluster_bytes(), true);
}

// REQUIRES: no table refers to the cluster any more.
Status Cropping::Drop(const L2Entry& entry) {
  const L2Dialect dialect = geometry_->l2_dialect();
  if (ClusterKindOf(dialect, entry) == ClusterKind::kCompressed) {
    const PackedCluster packed = PackedClusterOf(dialect, entry);
    return image_->refcounts().Free(packed.host_offset, packed.stored_bytes,
                                    true);
  }
  // An external data file is cut off instead. Nobody knows whose a cluster is
  // that does not begin where one can.
  const uint64_t offset = entry.offset();
  if (geometry_->external_data || offset == 0 ||
      geometry_->InCluster(offset) != 0) {
    return {};
  }
  if (offset != run_offset_ + run_bytes_) {
    TRY(DropRun());
    run_offset_ = offset;
  }
  run_bytes_ += geometry_->cluster_bytes();
  return {};
}

Status Cropping::DropRun() {
  const uint64_t bytes = run_bytes_;
  run_bytes_ = 0;
  return image_->refcounts().Free(run_offset_, bytes, true);
}

}  // namespace

Status Crop(Metadata& image, uint64_t bytes, EmptyTables empty) {
  return Cropping(image, empty).Run(image.geometry().Clusters(bytes));
}

}  // namespace instar::qcow2
