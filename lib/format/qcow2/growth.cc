#include "lib/format/qcow2/growth.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/crop.h"
#include "lib/format/qcow2/header_fields.h"
#include "lib/format/qcow2/qcow2_target.h"
#include "lib/format/resized_file.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kPieceBytes = 64 * 1024;

Geometry GrownGeometry(const Header& header, uint64_t bytes) {
  Geometry geometry = GeometryOf(header);
  geometry.virtual_size = bytes;
  return geometry;
}

// A raw data file must show the whole disk to whoever reads it alone.
Preallocation ModeOf(const Geometry& geometry, const NewSize& size) {
  const bool needs_all = geometry.external_data && geometry.external_data_raw &&
                         size.preallocation == Preallocation::kOff;
  return needs_all ? Preallocation::kMetadata : size.preallocation;
}

// All new clusters in one run of the image's own file.
bool IsOneRun(const Geometry& geometry, Preallocation mode) {
  return !geometry.external_data &&
         (mode == Preallocation::kFalloc || mode == Preallocation::kFull);
}

class Growth {
 public:
  Growth(Metadata& image, const ResizedFiles& files, const NewSize& size)
      : image_(&image),
        files_(&files),
        geometry_(GrownGeometry(image.header, size.bytes)),
        mode_(ModeOf(geometry_, size)),
        old_bytes_(image.header.virtual_size()),
        new_bytes_(size.bytes),
        hides_backing_(files.backing != nullptr &&
                       files.backing->virtual_size() > old_bytes_) {}

  Status Run();

 private:
  File& data() const {
    return files_->data_file != nullptr ? *files_->data_file : *files_->file;
  }
  Status LengthenL1();
  Status CopyL1(uint64_t offset, uint64_t entries);
  Status FillIn();
  Status FillInWith(Qcow2Target& target);
  Status Preallocate(Qcow2Target& target);
  Status PreallocateRun(Qcow2Target& target);
  Status Lengthen(File& file, uint64_t bytes) const;
  Status HideBacking(Qcow2Target& target) const;
  Status WriteZeroes(Qcow2Target& target, uint64_t from, uint64_t to) const;
  Status PutSize();

  Metadata* image_;
  const ResizedFiles* files_;
  Geometry geometry_;  // of the image as it becomes
  Preallocation mode_;
  uint64_t old_bytes_;
  uint64_t new_bytes_;
  bool hides_backing_;
};

Status Growth::Run() {
  if (new_bytes_ > old_bytes_) {
    TRY(Crop(*image_, old_bytes_, EmptyTables::kKeep));
    TRY(LengthenL1());
    TRY(FillIn());
  }
  if (geometry_.external_data && mode_ == Preallocation::kOff) {
    TRY(data().Truncate(new_bytes_, FilePreallocation::kSparse));
    TRY(data().Flush());
  }
  return PutSize();
}

// ---- The L1 table -----------------------------------------------------------

Status Growth::LengthenL1() {
  const uint64_t entries = geometry_.l1_entries();
  Header& header = image_->header;
  if (entries <= header.num_l1_entries) {
    return {};
  }
  const uint64_t bytes = entries * kL1EntryBytes;
  const uint64_t offset = TRY(image_->Allocate(geometry_.Clusters(bytes)));
  TRY(image_->Sync());
  TRY(CopyL1(offset, entries));
  TRY(PutL1Place(*files_->file, offset, entries));
  const uint64_t old_offset = header.l1_offset;
  const uint64_t old_bytes = header.num_l1_entries * kL1EntryBytes;
  header.l1_offset = offset;
  header.num_l1_entries = entries;
  TRY(image_->refcounts().Free(old_offset, old_bytes, false));
  return image_->Sync();
}

// The entries that there are, then zeroes.
Status Growth::CopyL1(uint64_t offset, uint64_t entries) {
  Arena& arena = image_->arena();
  const uint64_t mark = arena.Mark();
  const uint64_t bytes = entries * kL1EntryBytes;
  const uint64_t old_bytes = image_->header.num_l1_entries * kL1EntryBytes;
  const MutableBytes buffer = TRY(arena.Allocate(Min(bytes, kPieceBytes)));
  for (uint64_t done = 0; done < bytes; done += buffer.size()) {
    const MutableBytes piece = buffer.Prefix(bytes - done);
    const uint64_t old = done < old_bytes ? old_bytes - done : 0;
    piece.Fill(0);
    TRY(files_->file->ReadAt(image_->header.l1_offset + done,
                             piece.Prefix(old)));
    TRY(files_->file->WriteAt(offset + done, piece.view()));
  }
  arena.Rewind(mark);
  return {};
}

// ---- What is added ----------------------------------------------------------

Status Growth::FillIn() {
  if (mode_ == Preallocation::kOff && !hides_backing_) {
    return {};
  }
  Header& header = image_->header;
  const TablePlaces places = {
      .l1_offset = header.l1_offset,
      .l1_entries = header.num_l1_entries,
      .refcount_table_offset = header.refcount_table_offset,
      .refcount_table_clusters = header.refcount_table_clusters};
  Arena& arena = image_->arena();
  Qcow2Target* target = TRY(arena.New<Qcow2Target>(
      LayerCopy(arena, files_->make_unpacker), *files_->file, data(),
      files_->backing, geometry_, places));
  TRY(target->Init(arena));
  target->BeginGrowth();
  target->refcounts().SearchFrom(image_->refcounts().search_start());
  const Status filled = FillInWith(*target);
  // Refcounts may have moved, and all that is cached here is old.
  header.refcount_table_offset = target->refcounts().table_offset();
  header.refcount_table_clusters = target->refcounts().table_clusters();
  const uint64_t search_start = target->refcounts().search_start();
  TRY(image_->BeginChanges());
  image_->refcounts().SearchFrom(search_start);
  return filled;
}

Status Growth::FillInWith(Qcow2Target& target) {
  if (mode_ != Preallocation::kOff) {
    TRY(Preallocate(target));
  }
  // The clusters of a run hold zeroes.
  if (hides_backing_ && !IsOneRun(geometry_, mode_)) {
    TRY(HideBacking(target));
  }
  TRY(data().Flush());
  TRY(target.Finish());
  TRY(data().Flush());
  return files_->file->Flush();
}

Status Growth::Preallocate(Qcow2Target& target) {
  if (IsOneRun(geometry_, mode_)) {
    return PreallocateRun(target);
  }
  const uint64_t end = TRY(target.AllocateFrom(old_bytes_));
  return data().size() < end ? Lengthen(data(), end) : Status();
}

Status Growth::Lengthen(File& file, uint64_t bytes) const {
  const Status done = ResizeFile(file, bytes, mode_);
  if (done.ok()) {
    return {};
  }
  Error error = done.error();
  error.value2 = kBelowFormat;
  return error;
}

// Behind all that is in use: refcounts for the new clusters and for the L2
// tables that they need, then the clusters.
Status Growth::PreallocateRun(Qcow2Target& target) {
  Refcounts& refcounts = target.refcounts();
  const uint64_t first = geometry_.ClusterStart(old_bytes_);
  const uint64_t clusters = geometry_.Clusters(new_bytes_ - first);
  // One more where the run does not begin with a table.
  const uint64_t tables = DivRoundUp(clusters, geometry_.l2_entries()) + 1;
  const uint64_t used = TRY(refcounts.EndOfUse(files_->file->size()));
  const uint64_t start =
      TRY(refcounts.AddArea(used, clusters + tables, true, 0, 0));
  const uint64_t bytes = TRY(CheckedShl(clusters, geometry_.cluster_bits));
  const uint64_t end = TRY(CheckedAdd(start, bytes));
  // Clusters at the file's end that were given up may still hold something.
  const uint64_t stale = Min(end, files_->file->size());
  if (start < stale) {
    TRY(files_->file->WriteZeroes(start, stale - start, false));
  }
  TRY(Lengthen(*files_->file, end));
  const uint64_t taken = TRY(refcounts.AllocateAt(start, clusters));
  if (taken != clusters) {
    return Error{.fault = Fault::kQcow2CorruptEntry, .value = start};
  }
  return target.MapFrom(old_bytes_, start, hides_backing_);
}

// Whole subclusters get a mark; what is left of the one that the old end lies
// in is written.
Status Growth::HideBacking(Qcow2Target& target) const {
  const uint64_t unit = geometry_.subcluster_bytes();
  const uint64_t start = TRY(CheckedAlignUp(old_bytes_, unit));
  if (start < new_bytes_) {
    TRY(target.WriteZeroes(start, new_bytes_ - start, false));
  }
  return WriteZeroes(target, old_bytes_, Min(start, new_bytes_));
}

// As bytes, not as a hole: where data lie is visible to users.
Status Growth::WriteZeroes(Qcow2Target& target, uint64_t from,
                           uint64_t to) const {
  Arena& arena = image_->arena();
  const uint64_t mark = arena.Mark();
  const MutableBytes zeroes = TRY(arena.AllocateZeroed(kPieceBytes));
  while (from < to) {
    const WriteExtent extent =
        TRY(target.Allocate(from, Min(to - from, zeroes.size())));
    TRY(extent.file->WriteAt(extent.host_offset,
                             zeroes.Prefix(extent.length).view()));
    from += extent.length;
  }
  arena.Rewind(mark);
  return {};
}

Status Growth::PutSize() {
  image_->header.size = new_bytes_;
  return PutVirtualSize(*files_->file, new_bytes_);
}

}  // namespace

Status CheckGrowth(const Header& header, const ResizedFiles& files,
                   const NewSize& size) {
  const Geometry geometry = GrownGeometry(header, size.bytes);
  const uint64_t old_bytes = header.virtual_size();
  if (size.bytes <= old_bytes) {
    return {};
  }
  if (geometry.l1_entries() > kMaxL1Bytes / kL1EntryBytes) {
    return Error{.fault = Fault::kResizeL1, .error = kEfbig};
  }
  const bool hides = files.backing != nullptr &&
                     files.backing->virtual_size() > old_bytes &&
                     !IsOneRun(geometry, ModeOf(geometry, size));
  const uint64_t start =
      TRY(CheckedAlignUp(old_bytes, geometry.subcluster_bytes()));
  if (hides && header.version < 3 && start < size.bytes) {
    return Error{.fault = Fault::kResizeZeroesInV2, .error = kEopnotsupp};
  }
  return {};
}

Status Grow(Metadata& image, const ResizedFiles& files, const NewSize& size) {
  return Growth(image, files, size).Run();
}

}  // namespace instar::qcow2
