#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/check_references.h"
#include "lib/format/qcow2/stored_snapshot.h"

namespace instar::qcow2 {
namespace {

// What is shown of an id and of a name.
constexpr uint64_t kMaxShownBytes = 1023;
// qemu keeps the length of the table in an int.
constexpr uint64_t kMaxTableReach = std::numeric_limits<int32_t>::max();

// "ID (NAME)", in `out`.
Result<ByteView> ShownName(const CheckRun& run, const StoredSnapshot& entry,
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

Status ReportL1(CheckRun& run, const StoredSnapshot& entry, Fault fault,
                uint64_t value) {
  uint8_t bytes[2 * kMaxShownBytes + 3];
  const ByteView name =
      TRY(ShownName(run, entry, MutableBytes(bytes, sizeof bytes)));
  return run.Corruption({.fault = fault,
                         .value = value,
                         .text = name.data(),
                         .text_bytes = static_cast<uint32_t>(name.size())});
}

Status CountSnapshot(CheckRun& run, CheckRoom& room,
                     const StoredSnapshot& entry) {
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

// Snapshots that there cannot be are not looked at any more.
Status DropSnapshots(CheckRun& run, Fault fault, uint64_t kept) {
  const uint64_t dropped = run.header.num_snapshots - kept;
  run.header.num_snapshots = kept;
  run.dropped_snapshots += dropped;
  return run.visitor->OnProblem({.fault = fault, .value = dropped});
}

Status CheckPlace(CheckRun& run) {
  if (run.fix.errors && run.header.num_snapshots > kMaxSnapshots) {
    TRY(DropSnapshots(run, Fault::kRepairSnapshotsTooMany, kMaxSnapshots));
  }
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

// An entry with more extra data than there can be, which a repair drops.
Status CheckExtra(CheckRun& run, uint64_t index, uint64_t bytes) {
  if (!run.fix.errors) {
    return Unreadable(run, Fault::kCheckSnapshotExtra, index, kEfbig);
  }
  ++run.result.corruptions;
  return run.visitor->OnProblem(
      {.fault = Fault::kRepairSnapshotExtra, .value = index, .value2 = bytes});
}

// The length of the whole table.
Status MeasureTable(CheckRun& run) {
  const uint64_t start = run.header.snapshots_offset;
  uint64_t at = start;
  uint64_t kept_bytes = 0;
  for (uint64_t i = 0; i < run.header.num_snapshots; ++i) {
    const StoredSnapshot entry = TRY(ReadStoredSnapshot(*run.cache, at));
    const bool is_long = entry.extra_bytes > kMaxSnapshotExtraBytes;
    if (is_long) {
      TRY(CheckExtra(run, i, entry.extra_bytes));
    }
    kept_bytes = TRY(CheckedAlignUp(kept_bytes, 8));
    kept_bytes += is_long ? entry.mended_bytes() : entry.end - entry.start;
    if (kept_bytes > kMaxSnapshotTableBytes ||
        entry.end - start > kMaxTableReach) {
      if (run.fix.errors) {
        TRY(DropSnapshots(run, Fault::kRepairSnapshotTableTooBig, i));
        break;
      }
      return Unreadable(run, Fault::kCheckSnapshotTableTooBig,
                        run.header.num_snapshots - i, kEfbig);
    }
    at = entry.end;
  }
  run.snapshot_table_bytes = at - start;
  return {};
}

// Whether every entry has what each of a version 3 image has.
Status CheckEntries(CheckRun& run) {
  if (run.header.version < 3) {
    return {};
  }
  const Fault fault = run.fix.errors ? Fault::kRepairSnapshotIncomplete
                                     : Fault::kCheckSnapshotIncomplete;
  uint64_t at = run.header.snapshots_offset;
  for (uint64_t i = 0; i < run.header.num_snapshots; ++i) {
    const StoredSnapshot entry = TRY(ReadStoredSnapshot(*run.cache, at));
    if (entry.extra_bytes < kMinSnapshotExtraBytes) {
      TRY(run.Corruption({.fault = fault, .value = i}));
    }
    at = entry.end;
  }
  return {};
}

// The header says how many snapshots are left. Those that are not are freed
// with all else that nothing refers to.
Status StoreCount(CheckRun& run) {
  if (run.dropped_snapshots == 0) {
    return {};
  }
  uint8_t bytes[Be32::kSize];
  const MutableBytes out(bytes, sizeof bytes);
  TRY(out.Put<Be32>(0, static_cast<uint32_t>(run.header.num_snapshots)));
  TRY(run.file->WriteAt(HeaderLayout::kNumSnapshots.offset, out.view()));
  TRY(run.file->Flush());
  run.result.corruptions_fixed += run.dropped_snapshots;
  return {};
}

}  // namespace

Status CheckSnapshotTable(CheckRun& run) {
  TRY(CheckPlace(run));
  TRY(MeasureTable(run));
  TRY(CheckEntries(run));
  return StoreCount(run);
}

Status CountSnapshots(CheckRun& run, CheckRoom& room) {
  const Header& header = run.header;
  if (header.has_data_file() && header.num_snapshots != 0) {
    TRY(run.Corruption({.fault = Fault::kCheckSnapshotsWithDataFile,
                        .value = header.num_snapshots}));
  }
  uint64_t at = header.snapshots_offset;
  for (uint64_t i = 0; i < header.num_snapshots; ++i) {
    const StoredSnapshot entry = TRY(ReadStoredSnapshot(*run.cache, at));
    TRY(CountSnapshot(run, room, entry));
    at = entry.end;
  }
  return room.counts.AddRegion(run, header.snapshots_offset,
                               run.snapshot_table_bytes);
}

}  // namespace instar::qcow2
