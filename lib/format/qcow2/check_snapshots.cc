#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/check_references.h"

namespace instar::qcow2 {
namespace {

// What is shown of an id and of a name.
constexpr uint64_t kMaxShownBytes = 1023;
// Of the extra data: what every snapshot of a version 3 image has.
constexpr uint64_t kMinExtraBytes = 16;

// One entry of the snapshot table.
struct Entry {
  L1Table l1;
  uint64_t extra_bytes = 0;
  uint64_t id_offset = 0;
  uint64_t id_bytes = 0;
  uint64_t name_bytes = 0;
  uint64_t end = 0;  // offset of the first byte behind it
};

// The entry at `at` or, where that is no multiple of 8, right behind it.
Result<Entry> ReadEntry(const CheckRun& run, uint64_t at) {
  using L = SnapshotLayout;
  const uint64_t start = TRY(CheckedAlignUp(at, 8));
  uint8_t bytes[L::kSize];
  TRY(run.cache->Copy(start, MutableBytes(bytes, sizeof bytes)));
  const FixedView<L::kSize> raw(bytes);
  Entry entry = {.l1 = {.offset = raw.Get<L::kL1TableOffset>(),
                        .num_entries = raw.Get<L::kL1Size>()},
                 .extra_bytes = raw.Get<L::kExtraBytes>(),
                 .id_bytes = raw.Get<L::kIdBytes>(),
                 .name_bytes = raw.Get<L::kNameBytes>()};
  entry.id_offset = TRY(CheckedAdd(start, L::kSize + entry.extra_bytes));
  entry.end =
      TRY(CheckedAdd(entry.id_offset, entry.id_bytes + entry.name_bytes));
  return entry;
}

// "ID (NAME)", in `out`.
Result<ByteView> ShownName(const CheckRun& run, const Entry& entry,
                           MutableBytes out) {
  const auto append = [&](uint64_t at, uint64_t offset,
                          uint64_t length) -> Result<uint64_t> {
    const MutableBytes room = TRY(out.Slice(at, Min(length, kMaxShownBytes)));
    TRY(run.cache->Copy(offset, room));
    return at + UpToZero(room.view()).size();
  };
  uint64_t used = TRY(append(0, entry.id_offset, entry.id_bytes));
  TRY(out.PutBytes(used, ByteView::Of(" (")));
  used =
      TRY(append(used + 2, entry.id_offset + entry.id_bytes, entry.name_bytes));
  TRY(out.PutBytes(used, ByteView::Of(")")));
  return out.view().Prefix(used + 1);
}

Status ReportL1(CheckRun& run, const Entry& entry, Fault fault,
                uint64_t value) {
  uint8_t bytes[2 * kMaxShownBytes + 3];
  const ByteView name =
      TRY(ShownName(run, entry, MutableBytes(bytes, sizeof bytes)));
  return run.Corruption({.fault = fault,
                         .value = value,
                         .text = name.data(),
                         .text_bytes = static_cast<uint32_t>(name.size())});
}

Status CountSnapshot(CheckRun& run, CheckRoom& room, const Entry& entry) {
  if (!run.IsAligned(entry.l1.offset)) {
    return ReportL1(run, entry, Fault::kCheckSnapshotL1Offset, entry.l1.offset);
  }
  if (entry.l1.num_entries > kMaxL1Bytes / kL1EntryBytes) {
    return ReportL1(run, entry, Fault::kCheckSnapshotL1Size,
                    entry.l1.num_entries);
  }
  return CountTables(run, room, entry.l1, false);
}

// A table that cannot be read ends the check.
Status Unreadable(CheckRun& run, Fault fault, uint64_t value, int32_t error) {
  TRY(run.CheckError({.fault = fault, .value = value}));
  return EndsWith(error);
}

Status CheckPlace(CheckRun& run) {
  const Status place = CheckSnapshotPlace(run.header);
  if (place.ok()) {
    return {};
  }
  const bool too_many = place.error().fault == Fault::kQcow2SnapshotsTooLarge;
  return Unreadable(
      run,
      too_many ? Fault::kCheckSnapshotsTooMany
               : Fault::kCheckSnapshotTableOffset,
      run.header.num_snapshots - Min(run.header.num_snapshots, kMaxSnapshots),
      too_many ? kEfbig : kEinval);
}

// The length of the whole table.
Status MeasureTable(CheckRun& run) {
  const uint64_t start = run.header.snapshots_offset;
  uint64_t at = start;
  for (uint64_t i = 0; i < run.header.num_snapshots; ++i) {
    const Entry entry = TRY(ReadEntry(run, at));
    if (entry.extra_bytes > kMaxSnapshotExtraBytes) {
      return Unreadable(run, Fault::kCheckSnapshotExtra, i, kEfbig);
    }
    if (entry.end - start > kMaxSnapshotTableBytes) {
      return Unreadable(run, Fault::kCheckSnapshotTableTooBig,
                        run.header.num_snapshots - i, kEfbig);
    }
    at = entry.end;
  }
  run.snapshot_table_bytes = at - start;
  return {};
}

}  // namespace

Status CheckSnapshotTable(CheckRun& run) {
  TRY(CheckPlace(run));
  TRY(MeasureTable(run));
  if (run.header.version < 3) {
    return {};
  }
  uint64_t at = run.header.snapshots_offset;
  for (uint64_t i = 0; i < run.header.num_snapshots; ++i) {
    const Entry entry = TRY(ReadEntry(run, at));
    if (entry.extra_bytes < kMinExtraBytes) {
      TRY(run.Corruption(
          {.fault = Fault::kCheckSnapshotIncomplete, .value = i}));
    }
    at = entry.end;
  }
  return {};
}

Status CountSnapshots(CheckRun& run, CheckRoom& room) {
  const Header& header = run.header;
  if (header.has_data_file() && header.num_snapshots != 0) {
    TRY(run.Corruption({.fault = Fault::kCheckSnapshotsWithDataFile,
                        .value = header.num_snapshots}));
  }
  uint64_t at = header.snapshots_offset;
  for (uint64_t i = 0; i < header.num_snapshots; ++i) {
    const Entry entry = TRY(ReadEntry(run, at));
    TRY(CountSnapshot(run, room, entry));
    at = entry.end;
  }
  return room.counts.AddRegion(run, header.snapshots_offset,
                               run.snapshot_table_bytes);
}

}  // namespace instar::qcow2
