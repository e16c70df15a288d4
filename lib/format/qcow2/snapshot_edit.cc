#include "lib/format/qcow2/snapshot_edit.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/layout.h"
#include "lib/format/qcow2/overlap.h"

namespace instar::qcow2 {
namespace {

// Refcounts of a terabyte in clusters of the usual size stay in memory.
constexpr uint64_t kTableBytes = 128 << 20;
// Blocks of the snapshot table that are kept.
constexpr uint64_t kCachedBlocks = 2;
// An L1 table that fits is replaced in one write, in its place.
constexpr uint64_t kMaxInPlaceBytes = 1 << 20;
constexpr uint64_t kMaxWriteBytes = 1 << 20;
constexpr uint64_t kMaxDigits = 20;

Error Errno(int32_t error) {
  return {.fault = Fault::kErrno, .error = error};
}

// The errno that qemu-img has for `error`.
int32_t ErrnoOf(const Error& error) {
  return error.fault == Fault::kErrno ? error.error : kEio;
}

// `number` in decimal at the end of `room`.
ByteView Decimal(uint64_t number, MutableBytes room) {
  uint64_t at = room.size();
  do {
    --at;
    room.Put<U8>(at, static_cast<uint8_t>('0' + number % 10)).value();
    number /= 10;
  } while (number != 0);
  return room.view().Slice(at, room.size() - at).value();
}

}  // namespace

Status Qcow2SnapshotEdit::Open() {
  TRY(image_.Open(kCachedBlocks));
  TRY(image_.BeginChanges(kTableBytes));
  TRY(tree_.Init());
  if (image_.header.autoclear != KeptAutoclear(image_.header)) {
    image_.header.autoclear = KeptAutoclear(image_.header);
    return image_.WriteHeader();
  }
  return {};
}

// ---- Parts ------------------------------------------------------------------

Result<MutableBytes> Qcow2SnapshotEdit::ReadL1(uint64_t offset,
                                               uint64_t entries) {
  const MutableBytes l1 = TRY(image_.arena().Allocate(entries * kL1EntryBytes));
  if (!l1.empty()) {
    TRY(image_.file().ReadAt(offset, l1));
  }
  return l1;
}

Status Qcow2SnapshotEdit::WriteL1(uint64_t offset, ByteView l1) {
  for (uint64_t done = 0; done < l1.size(); done += kMaxWriteBytes) {
    const ByteView piece =
        TRY(l1.Slice(done, Min(kMaxWriteBytes, l1.size() - done)));
    TRY(image_.file().WriteAt(offset + done, piece));
  }
  return {};
}

Status Qcow2SnapshotEdit::CheckPlace(const SnapshotRecord& record) const {
  constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();
  const uint64_t bytes = record.l1_entries * kL1EntryBytes;
  if (bytes > kMaxL1Bytes) {
    return Error{.fault = Fault::kQcow2SnapshotL1TooLarge,
                 .value = record.l1_entries};
  }
  if (record.l1_offset > kMaxOffset - bytes ||
      image_.geometry().InCluster(record.l1_offset) != 0) {
    return Error{.fault = Fault::kQcow2SnapshotL1Offset,
                 .value = record.l1_offset};
  }
  return {};
}

// Number and place adjoin in the header: it is one short write. All that it
// refers to is durable.
Status Qcow2SnapshotEdit::SwitchList() {
  using L = HeaderLayout;
  uint8_t bytes[Be32::kSize + Be64::kSize];
  const MutableBytes out(bytes, sizeof bytes);
  const uint32_t count = TRY(Narrow<uint32_t>(image_.header.num_snapshots));
  TRY(out.Put<Be32>(0, count));
  TRY(out.Put<Be64>(Be32::kSize, image_.header.snapshots_offset));
  TRY(image_.file().WriteAt(L::kNumSnapshots.offset, out.view()));
  return image_.file().Flush();
}

// The flags of the present state, whose L1 table is `l1`. All counts have
// reached the file.
Status Qcow2SnapshotEdit::MarkActive(MutableBytes l1) {
  if (TRY(tree_.MarkCopied(l1))) {
    TRY(WriteL1(image_.header.l1_offset, l1.view()));
  }
  return image_.file().Flush();
}

// ---- Create -----------------------------------------------------------------

Status Qcow2SnapshotEdit::Make(ByteView name, uint32_t date_sec,
                               uint32_t date_nsec) {
  const Header& header = image_.header;
  if (header.num_snapshots >= kMaxSnapshots) {
    return Errno(kEfbig);
  }
  if (header.has_data_file()) {
    return Errno(kEopnotsupp);
  }
  uint8_t digits[kMaxDigits];
  const uint64_t number = TRY(list_.NewId());
  const ByteView id = Decimal(number, MutableBytes(digits, sizeof digits));
  const MutableBytes l1 = TRY(ReadL1(header.l1_offset, header.num_l1_entries));
  SnapshotRecord record = {.l1_entries = header.num_l1_entries,
                           .date_sec = date_sec,
                           .date_nsec = date_nsec,
                           .disk_size = header.virtual_size(),
                           .icount = 0,
                           .id_bytes = id.size(),
                           .name_bytes = name.size()};
  if (!l1.empty()) {
    record.l1_offset =
        TRY(AllocateApart(image_, image_.geometry().Clusters(l1.size())));
  }
  TRY(WriteL1(record.l1_offset, l1.view()));
  const Status added = tree_.Add(l1.view());
  if (!added.ok()) {
    TRY(image_.refcounts().Free(record.l1_offset, l1.size(), true));
    TRY(image_.Sync());
    return added;
  }
  const Status listed = Enlist(record, l1, id, name);
  if (!listed.ok()) {
    // The disk is full, or fails: whatever can be taken back is.
    TRY(tree_.Drop(l1.view()));
    TRY(image_.refcounts().Free(record.l1_offset, l1.size(), true));
    TRY(image_.Sync());
    TRY(MarkActive(l1));
    return listed;
  }
  TRY(SwitchList());
  TRY(list_.FreeOld());
  return image_.Sync();
}

// All of a new snapshot but the header, which does not know of it yet.
Status Qcow2SnapshotEdit::Enlist(const SnapshotRecord& record, MutableBytes l1,
                                 ByteView id, ByteView name) {
  TRY(image_.Sync());
  TRY(MarkActive(l1));
  TRY(list_.Rewrite(nullptr, &record, id, name));
  return image_.Sync();
}

// ---- Delete -----------------------------------------------------------------

Status Qcow2SnapshotEdit::Remove(ByteView name) {
  SnapshotRecord record;
  if (!TRY(list_.FindName(name, record))) {
    return Error{.fault = Fault::kSnapshotMissing};
  }
  if (image_.header.has_data_file()) {
    return Errno(kEopnotsupp);
  }
  TRY(CheckPlace(record));
  TRY(list_.Rewrite(&record, nullptr, {}, {}));
  TRY(image_.Sync());
  TRY(SwitchList());
  TRY(list_.FreeOld());
  const Status freed = FreeClustersOf(record);
  const Status synced = image_.Sync();
  if (!freed.ok() || !synced.ok()) {
    const Error& error = freed.ok() ? synced.error() : freed.error();
    return Error{.fault = Fault::kSnapshotFree, .error = ErrnoOf(error)};
  }
  const MutableBytes l1 =
      TRY(ReadL1(image_.header.l1_offset, image_.header.num_l1_entries));
  const Status marked = MarkActive(l1);
  if (!marked.ok()) {
    Error error = marked.error();
    // An entry that cannot be is told before the errno.
    if (error.fault == Fault::kErrno) {
      error.fault = Fault::kSnapshotStatus;
    }
    return error;
  }
  return {};
}

Status Qcow2SnapshotEdit::FreeClustersOf(const SnapshotRecord& record) {
  const MutableBytes l1 = TRY(ReadL1(record.l1_offset, record.l1_entries));
  TRY(tree_.Drop(l1.view()));
  return image_.refcounts().Free(record.l1_offset, l1.size(), true);
}

// ---- Apply ------------------------------------------------------------------

Status Qcow2SnapshotEdit::CheckApply(const SnapshotRecord& record) const {
  const Header& header = image_.header;
  TRY(CheckPlace(record));
  if (record.disk_size == header.virtual_size()) {
    return {};
  }
  if (header.version < 3) {
    return Error{.fault = Fault::kQcow2ResizeOldWithSnapshots};
  }
  Geometry geometry = image_.geometry();
  geometry.virtual_size = record.disk_size;
  const bool is_whole = record.disk_size % 512 == 0;
  if (!is_whole || geometry.l1_entries() > kMaxL1Bytes / kL1EntryBytes) {
    return Errno(is_whole ? kEfbig : kEinval);
  }
  return {};
}

Status Qcow2SnapshotEdit::GoTo(ByteView id_or_name) {
  const Header& header = image_.header;
  if (image_.extensions.num_bitmaps != 0) {
    return Error{.fault = Fault::kBitmapExists};
  }
  if (header.has_data_file()) {
    return Errno(kEopnotsupp);
  }
  SnapshotRecord record;
  if (!TRY(list_.FindIdOrName(id_or_name, record))) {
    return Error{.fault = Fault::kSnapshotMissing};
  }
  TRY(CheckApply(record));
  const MutableBytes old_l1 =
      TRY(ReadL1(header.l1_offset, header.num_l1_entries));
  const MutableBytes kept = TRY(ReadL1(record.l1_offset, record.l1_entries));
  TRY(tree_.Add(kept.view()));
  TRY(image_.Sync());
  // Nothing of the snapshot is the present state's alone from now on.
  if (TRY(tree_.MarkCopied(kept))) {
    TRY(WriteL1(record.l1_offset, kept.view()));
  }
  TRY(image_.file().Flush());
  const uint64_t old_offset = header.l1_offset;
  Geometry geometry = image_.geometry();
  geometry.virtual_size = record.disk_size;
  const uint64_t entries =
      Max(geometry.l1_entries(), Max(record.l1_entries, header.num_l1_entries));
  const MutableBytes l1 =
      TRY(image_.arena().AllocateZeroed(entries * kL1EntryBytes));
  TRY(l1.PutBytes(0, kept.view()));
  TRY(SwitchL1(record, l1));
  TRY(tree_.Drop(old_l1.view()));
  if (header.l1_offset != old_offset) {
    TRY(image_.refcounts().Free(old_offset, old_l1.size(), true));
  }
  TRY(image_.Sync());
  return MarkActive(l1);
}

// The present state becomes that of `l1`, in one write. Another size, or a
// table of another length, needs a table elsewhere to be that.
Status Qcow2SnapshotEdit::SwitchL1(const SnapshotRecord& record,
                                   MutableBytes l1) {
  Header& header = image_.header;
  const uint64_t entries = l1.size() / kL1EntryBytes;
  if (entries == 0 && record.disk_size == header.virtual_size()) {
    return {};
  }
  if (record.disk_size == header.virtual_size() &&
      entries == header.num_l1_entries && l1.size() <= kMaxInPlaceBytes) {
    TRY(WriteL1(header.l1_offset, l1.view()));
    return image_.file().Flush();
  }
  const uint64_t clusters = image_.geometry().Clusters(l1.size());
  header.l1_offset = clusters == 0 ? 0 : TRY(AllocateApart(image_, clusters));
  header.num_l1_entries = entries;
  header.size = record.disk_size;
  TRY(WriteL1(header.l1_offset, l1.view()));
  return image_.WriteHeader();
}

}  // namespace instar::qcow2

namespace instar {

Result<SnapshotEdit*> OpenQcow2Snapshots(Arena& arena, File& file) {
  auto* edit = TRY(arena.New<qcow2::Qcow2SnapshotEdit>(arena, file));
  TRY(edit->Open());
  return static_cast<SnapshotEdit*>(edit);
}

}  // namespace instar
