#include "lib/format/qcow2/create.h"

#include <bit>

#include "lib/base/checked.h"
#include "lib/format/qcow2/create_header.h"
#include "lib/format/qcow2/qcow2_target.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kZeroBytes = 64 * 1024;

// What every new image starts with: header, refcount table, one block.
constexpr uint64_t kFirstClusters = 3;

class Creation {
 public:
  Creation(File& file, File& data, const CreateOptions& options,
           const Geometry& geometry, Qcow2Target& target, MutableBytes zeroes)
      : file_(&file),
        data_(&data),
        options_(&options),
        geometry_(&geometry),
        target_(&target),
        zeroes_(zeroes) {}

  Status Run();

 private:
  Status PutZeroes(uint64_t offset, uint64_t length);
  Status PutFirstClusters();
  Status PutL1();
  Status Preallocate();
  Status PreallocateHere();

  File* file_;
  File* data_;
  const CreateOptions* options_;
  const Geometry* geometry_;
  Qcow2Target* target_;
  MutableBytes zeroes_;
  uint64_t l1_offset_ = 0;
};

// The header is written last, so that a file that is not finished is no image.
Status Creation::Run() {
  TRY(PutFirstClusters());
  TRY(PutL1());
  TRY(Preallocate());
  TRY(target_->Finish());
  const HeaderTables tables = {
      .size = geometry_->virtual_size,
      .l1_offset = l1_offset_,
      .l1_entries = geometry_->l1_entries(),
      .refcount_table_offset = target_->refcounts().table_offset(),
      .refcount_table_clusters = target_->refcounts().table_clusters()};
  const MutableBytes header = zeroes_.Prefix(geometry_->cluster_bytes());
  TRY(PutHeader(*options_, tables, header));
  TRY(file_->WriteAt(0, header.view()));
  return file_->Flush();
}

// As bytes, not as a hole: what an image occupies is visible to users.
Status Creation::PutZeroes(uint64_t offset, uint64_t length) {
  uint64_t done = 0;
  while (done < length) {
    const ByteView bytes = zeroes_.view().Prefix(length - done);
    TRY(file_->WriteAt(offset + done, bytes));
    done += bytes.size();
  }
  return {};
}

Status Creation::PutFirstClusters() {
  const uint64_t cluster = geometry_->cluster_bytes();
  TRY(PutZeroes(0, kFirstClusters * cluster));
  uint8_t entry[8];
  const MutableBytes bytes(entry, sizeof entry);
  TRY(bytes.Put<Be64>(0, 2 * cluster));
  TRY(file_->WriteAt(cluster, bytes.view()));
  const uint64_t first = TRY(target_->refcounts().Allocate(kFirstClusters));
  INSTAR_CHECK(first == 0);
  return {};
}

Status Creation::PutL1() {
  const uint64_t entries = geometry_->l1_entries();
  if (entries == 0) {
    return {};
  }
  const uint64_t bytes = entries * kL1EntryBytes;
  l1_offset_ = TRY(target_->refcounts().Allocate(geometry_->Clusters(bytes)));
  target_->SetL1(l1_offset_, entries);
  return PutZeroes(l1_offset_, bytes);
}

Status Creation::Preallocate() {
  Preallocation mode = options_->preallocation;
  if (mode == Preallocation::kOff && geometry_->external_data_raw) {
    mode = Preallocation::kMetadata;
  }
  if (mode == Preallocation::kOff) {
    return geometry_->external_data
               ? data_->Truncate(geometry_->virtual_size,
                                 FilePreallocation::kSparse)
               : Status();
  }
  if (!geometry_->external_data && mode != Preallocation::kMetadata) {
    return PreallocateHere();
  }
  const uint64_t end = TRY(target_->AllocateAll());
  if (geometry_->external_data) {
    return data_->Truncate(end, FileMode(mode));
  }
  target_->Need(end);
  return {};
}

// All data clusters in one run behind refcounts that are made for them and for
// their L2 tables.
Status Creation::PreallocateHere() {
  Refcounts& refcounts = target_->refcounts();
  const uint64_t clusters = geometry_->Clusters(geometry_->virtual_size);
  const uint64_t tables = DivRoundUp(clusters, geometry_->l2_entries());
  const uint64_t start = TRY(
      refcounts.AddArea(refcounts.high_water(), clusters + tables, true, 0, 0));
  const uint64_t taken = TRY(refcounts.AllocateAt(start, clusters));
  INSTAR_CHECK(taken == clusters);
  const uint64_t data_bytes =
      TRY(CheckedShl(clusters, geometry_->cluster_bits));
  const uint64_t end = TRY(CheckedAdd(start, data_bytes));
  TRY(file_->Truncate(end, FileMode(options_->preallocation)));
  return target_->MapAll(start);
}

}  // namespace

Status CreateImage(Arena& arena, const TargetFiles& files,
                   const CreateOptions& options) {
  TRY(ValidateOptions(options));
  const Qcow2CreateOptions& qcow2 = options.qcow2;
  const Geometry geometry = {
      .version = qcow2.version,
      .cluster_bits =
          static_cast<uint64_t>(std::countr_zero(qcow2.cluster_size)),
      .refcount_order =
          static_cast<uint64_t>(std::countr_zero(qcow2.refcount_bits)),
      .extended_l2 = qcow2.extended_l2,
      .external_data = !qcow2.data_file.empty(),
      .external_data_raw = qcow2.data_file_raw,
      .compression = qcow2.compression,
      .virtual_size = AlignDown(options.size + 511, 512)};
  INSTAR_CHECK(!geometry.external_data || files.data_file != nullptr);
  File& file = *files.file;
  File& data = geometry.external_data ? *files.data_file : file;
  const TablePlaces places = {.refcount_table_offset = geometry.cluster_bytes(),
                              .refcount_table_clusters = 1};
  const MutableBytes zeroes = TRY(arena.AllocateZeroed(kZeroBytes));
  Qcow2Target* target = TRY(arena.New<Qcow2Target>(
      LayerCopy(arena, nullptr), file, data, nullptr, geometry, places));
  TRY(target->Init(arena));
  return Creation(file, data, options, geometry, *target, zeroes).Run();
}

}  // namespace instar::qcow2
