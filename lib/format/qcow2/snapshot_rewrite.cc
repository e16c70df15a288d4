#include "lib/format/qcow2/snapshot_rewrite.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/mending.h"
#include "lib/format/qcow2/metadata.h"
#include "lib/format/qcow2/refcounts.h"
#include "lib/format/qcow2/stored_snapshot.h"
#include "lib/format/qcow2/table_store.h"

namespace instar::qcow2 {
namespace {

// Extra data is short once it is mended; id and name have 16 bits.
constexpr uint64_t kMaxEntryBytes =
    SnapshotLayout::kSize + kMaxSnapshotExtraBytes + 2 * 65535;

class Rewrite {
 public:
  Rewrite(Arena& arena, CheckRun& run) : arena_(&arena), run_(&run) {}

  Status Run();

 private:
  Result<uint64_t> MeasureTable();
  Status Place(uint64_t bytes);
  Status WriteEntries();
  // One entry as it is to be, at the start of buffer_.
  Status Build(const StoredSnapshot& entry);
  Status SwitchHeader();
  Status FreeOld();

  Arena* arena_;
  CheckRun* run_;
  TableStore tables_;
  Geometry geometry_;
  Refcounts* refcounts_ = nullptr;
  MutableBytes buffer_;
  uint64_t offset_ = 0;  // of the new table
};

Status Rewrite::Run() {
  const Header& header = run_->header;
  buffer_ = TRY(arena_->Allocate(kMaxEntryBytes));
  geometry_ = GeometryOf(header);
  TRY(tables_.Init(*arena_, *run_->file, geometry_.cluster_bytes()));
  tables_.WriteInOrder();
  refcounts_ = TRY(arena_->New<Refcounts>(*run_->file, tables_, geometry_,
                                          header.refcount_table_offset,
                                          header.refcount_table_clusters));
  const uint64_t bytes = TRY(MeasureTable());
  TRY(Place(bytes));
  TRY(WriteEntries());
  TRY(tables_.FlushAll());
  TRY(run_->file->Flush());
  TRY(SwitchHeader());
  return FreeOld();
}

Result<uint64_t> Rewrite::MeasureTable() {
  uint64_t at = run_->header.snapshots_offset;
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < run_->header.num_snapshots; ++i) {
    const StoredSnapshot entry = TRY(ReadStoredSnapshot(*run_->cache, at));
    bytes = TRY(CheckedAlignUp(bytes, 8)) + entry.mended_bytes();
    at = entry.end;
  }
  return bytes;
}

Status Rewrite::Place(uint64_t bytes) {
  const uint64_t clusters = DivRoundUp(bytes, run_->cluster_size());
  if (clusters == 0) {
    return {};
  }
  offset_ = TRY(refcounts_->Allocate(clusters));
  const ByteView hit =
      TRY(MetadataAt(*run_, offset_, bytes, Intended::kNothing));
  if (hit.empty()) {
    return {};
  }
  TRY(MarkCorrupt(*run_, {.fault = Fault::kRepairOverlap,
                          .text = hit.data(),
                          .text_bytes = static_cast<uint32_t>(hit.size())}));
  return EndsWith(kEio);
}

Status Rewrite::WriteEntries() {
  uint64_t at = run_->header.snapshots_offset;
  uint64_t to = offset_;
  for (uint64_t i = 0; i < run_->header.num_snapshots; ++i) {
    const StoredSnapshot entry = TRY(ReadStoredSnapshot(*run_->cache, at));
    TRY(Build(entry));
    to = TRY(CheckedAlignUp(to, 8));
    TRY(run_->file->WriteAt(to, buffer_.view().Prefix(entry.mended_bytes())));
    to += entry.mended_bytes();
    at = entry.end;
  }
  return {};
}

Status Rewrite::Build(const StoredSnapshot& entry) {
  using L = SnapshotLayout;
  using E = SnapshotExtraLayout;
  const uint64_t extra = entry.mended_extra_bytes();
  TRY(run_->cache->Copy(entry.start, buffer_.Prefix(L::kSize)));
  const uint32_t vm_state =
      TRY(buffer_.view().At<Be32>(L::kVmStateSize32.offset));
  TRY(buffer_.Put<Be32>(L::kExtraBytes.offset, static_cast<uint32_t>(extra)));
  // What a shorter entry leaves to its reader.
  TRY(buffer_.Put<Be64>(L::kSize + E::kVmStateSize.offset, vm_state));
  TRY(buffer_.Put<Be64>(L::kSize + E::kDiskSize.offset,
                        run_->header.virtual_size()));
  TRY(buffer_.Put<Be64>(L::kSize + E::kIcount.offset, ~uint64_t{0}));
  const uint64_t stored = AlignDown(Min(entry.extra_bytes, extra), 8);
  const uint64_t kept = entry.extra_bytes < kKnownSnapshotExtraBytes
                            ? stored
                            : Min(entry.extra_bytes, extra);
  const MutableBytes stored_extra = TRY(buffer_.Slice(L::kSize, kept));
  TRY(run_->cache->Copy(entry.start + L::kSize, stored_extra));
  const MutableBytes names =
      TRY(buffer_.Slice(L::kSize + extra, entry.id_bytes + entry.name_bytes));
  return run_->cache->Copy(entry.id_offset, names);
}

Status Rewrite::SwitchHeader() {
  using L = HeaderLayout;
  constexpr uint64_t kStart = L::kNumSnapshots.offset;
  uint8_t bytes[Be32::kSize + Be64::kSize];
  const MutableBytes out(bytes, sizeof bytes);
  TRY(out.Put<Be32>(0, static_cast<uint32_t>(run_->header.num_snapshots)));
  TRY(out.Put<Be64>(L::kSnapshotsOffset.offset - kStart, offset_));
  TRY(run_->file->WriteAt(kStart, out.view()));
  return run_->file->Flush();
}

Status Rewrite::FreeOld() {
  Header& header = run_->header;
  const uint64_t old = header.snapshots_offset;
  header.snapshots_offset = offset_;
  // Nobody has counted a table that does not lie in the file. Where it lies in
  // the midst of other metadata, or refcounts are too narrow for what was
  // counted, its clusters leak rather than that others are lost.
  const uint64_t bytes = run_->snapshot_table_bytes;
  const bool is_counted = bytes <= run_->file_bytes &&
                          old <= run_->file_bytes - bytes &&
                          !run_->has_overflown;
  const ByteView hit =
      TRY(FixedMetadataAt(*run_, old, bytes, Intended::kNothing));
  if (is_counted && hit.empty()) {
    TRY(refcounts_->Free(old, bytes, true));
  }
  TRY(tables_.FlushAll());
  header.refcount_table_offset = refcounts_->table_offset();
  header.refcount_table_clusters = refcounts_->table_clusters();
  return run_->file->Flush();
}

}  // namespace

Status RewriteSnapshotTable(Arena& arena, CheckRun& run) {
  Rewrite rewrite(arena, run);
  const Status done = rewrite.Run();
  if (done.ok()) {
    return {};
  }
  const int32_t error = done.error().error != 0 ? done.error().error : kEio;
  ++run.result.check_errors;
  TRY(run.visitor->OnProblem(
      {.fault = Fault::kRepairSnapshotTable, .error = error}));
  return EndsWith(error);
}

}  // namespace instar::qcow2
