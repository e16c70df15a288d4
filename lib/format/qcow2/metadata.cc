#include "lib/format/qcow2/metadata.h"

#include "lib/base/checked.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {

Status CheckWritable(const Header& header) {
  if ((header.incompatible & kIncompatibleCorrupt) != 0) {
    return Error{.fault = Fault::kQcow2ImageCorrupt};
  }
  if ((header.incompatible & kIncompatibleDirty) != 0) {
    return Error{.fault = Fault::kNeedsRepair};
  }
  if (header.refcount_table_offset == 0) {
    return Error{.fault = Fault::kQcow2ReftableOffset};
  }
  return {};
}

uint64_t KeptAutoclear(const Header& header) {
  return header.autoclear & (kAutoclearBitmaps | kAutoclearRawDataFile);
}

Geometry GeometryOf(const Header& header) {
  return {.version = header.version,
          .cluster_bits = header.cluster_bits,
          .refcount_order = header.refcount_order,
          .extended_l2 = header.has_extended_l2(),
          .external_data = header.has_data_file(),
          .external_data_raw = (header.autoclear & kAutoclearRawDataFile) != 0,
          .compression = header.compression_type == 0 ? Compression::kZlib
                                                      : Compression::kZstd,
          .virtual_size = header.virtual_size()};
}

Status Metadata::Open(uint64_t num_blocks) {
  cache_ = TRY(BlockCache::Create(*arena_, *file_, num_blocks));
  header = TRY(ReadHeader(cache_, *arena_));
  TRY(ReadExtensions(cache_, header, *arena_, extensions));
  cache_.SetBlockBytes(
      Max(BlockCache::kMinBlockBytes,
          Min(header.cluster_size(), BlockCache::kMaxBlockBytes)));
  return {};
}

Status Metadata::BeginChanges(uint64_t table_bytes) {
  TRY(CheckWritable(header));
  tables_ = TableStore();
  TRY(tables_.Init(*arena_, *file_, header.cluster_size(), table_bytes));
  tables_.WriteInOrder();
  return OpenRefcounts();
}

Status Metadata::Reload() {
  BlockCache first = TRY(BlockCache::Create(*arena_, *file_, 1));
  header = TRY(ReadHeader(first, *arena_));
  TRY(ReadExtensions(first, header, *arena_, extensions));
  return OpenRefcounts();
}

Status Metadata::OpenRefcounts() {
  geometry_ = GeometryOf(header);
  TRY(rewrite_.Init(*arena_, *file_, header));
  backing_file = rewrite_.old_backing_file();
  refcounts_ = TRY(arena_->New<Refcounts>(*file_, tables_, geometry_,
                                          header.refcount_table_offset,
                                          header.refcount_table_clusters));
  return {};
}

Result<uint64_t> Metadata::Allocate(uint64_t clusters) {
  const uint64_t offset = TRY(refcounts_->Allocate(clusters));
  if (offset == 0) {
    return Error{.fault = Fault::kQcow2CorruptEntry};
  }
  return offset;
}

Status Metadata::UseRefcounts(uint64_t order, uint64_t table_offset,
                              uint64_t table_clusters) {
  header.refcount_order = order;
  geometry_.refcount_order = order;
  refcounts_ = TRY(arena_->New<Refcounts>(*file_, tables_, geometry_,
                                          table_offset, table_clusters));
  return {};
}

Status Metadata::Judged(const Status& done) {
  const bool is_corrupt =
      !done.ok() && (done.error().fault == Fault::kQcow2L2TableUnaligned ||
                     done.error().fault == Fault::kQcow2ClusterUnaligned);
  if (!is_corrupt || header.version < 3) {
    return done;
  }
  header.incompatible |= kIncompatibleCorrupt;
  uint8_t bytes[Be64::kSize];
  const MutableBytes out(bytes, sizeof bytes);
  TRY(out.Put<Be64>(0, header.incompatible));
  TRY(file_->WriteAt(HeaderLayout::kIncompatibleFeatures.offset, out.view()));
  TRY(file_->Flush());
  return done;
}

Status Metadata::Sync() {
  TRY(tables_.FlushAll());
  return file_->Flush();
}

Status Metadata::WriteHeader() {
  TRY(Sync());
  header.refcount_table_offset = refcounts_->table_offset();
  header.refcount_table_clusters = refcounts_->table_clusters();
  TRY(rewrite_.Write(header, extensions, backing_file));
  return file_->Flush();
}

}  // namespace instar::qcow2
