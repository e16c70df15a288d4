#include "lib/format/qcow2/zero_expansion.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/layout.h"
#include "lib/format/qcow2/snapshot_list.h"

namespace instar::qcow2 {

Status ZeroExpansion::Init() {
  if (!is_ready_) {
    const uint64_t bytes = image_->geometry().cluster_bytes();
    table_ = TRY(image_->arena().Allocate(bytes));
    dropped_ = TRY(image_->arena().Allocate(bytes));
    is_ready_ = true;
  }
  done_entries_ = 0;
  all_entries_ = image_->header.num_l1_entries;
  SnapshotList list(*image_);
  SnapshotRecord record;
  bool more = TRY(list.Next(nullptr, record));
  while (more) {
    all_entries_ += record.l1_entries;
    const SnapshotRecord last = record;
    more = TRY(list.Next(&last, record));
  }
  return {};
}

template <typename Visit>
Status ZeroExpansion::WalkL1(uint64_t offset, uint64_t entries, Visit visit) {
  if (entries > kMaxL1Bytes / kL1EntryBytes) {
    return Error{.fault = Fault::kQcow2SnapshotL1TooLarge, .value = entries};
  }
  if (image_->geometry().InCluster(offset) != 0) {
    return Error{.fault = Fault::kQcow2SnapshotL1Offset, .value = offset};
  }
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t entry =
        TRY(image_->cache().At<Be64>(offset + i * kL1EntryBytes));
    const uint64_t table = entry & kL1OffsetMask;
    if (image_->geometry().InCluster(table) != 0) {
      return Error{
          .fault = Fault::kQcow2L2TableUnaligned, .value = table, .value2 = i};
    }
    if (table != 0) {
      TRY(image_->file().ReadAt(table, table_));
      TRY(visit(table));
    }
    ++done_entries_;
    progress_->Report(done_entries_, all_entries_);
  }
  return {};
}

template <typename Visit>
Status ZeroExpansion::ForEachTable(Visit visit) {
  TRY(Init());
  TRY(WalkL1(image_->header.l1_offset, image_->header.num_l1_entries, visit));
  SnapshotList list(*image_);
  SnapshotRecord record;
  bool more = TRY(list.Next(nullptr, record));
  while (more) {
    TRY(WalkL1(record.l1_offset, record.l1_entries, visit));
    const SnapshotRecord last = record;
    more = TRY(list.Next(&last, record));
  }
  return {};
}

Result<bool> ZeroExpansion::HasCompressed() {
  bool found = false;
  const auto look = [&](uint64_t) -> Status {
    const auto entries = table_.view().Array<Be64>();
    const uint64_t step = image_->geometry().l2_entry_bytes() / Be64::kSize;
    for (uint64_t i = 0; i < entries.size(); i += step) {
      found |= (entries[i] & kEntryCompressed) != 0;
    }
    return {};
  };
  TRY(ForEachTable(look));
  return found;
}

// ---- Expanding --------------------------------------------------------------

Status ZeroExpansion::Expand() {
  TRY(ForEachTable(
      [this](uint64_t offset) -> Status { return ExpandTable(offset); }));
  return image_->Sync();
}

Status ZeroExpansion::ExpandTable(uint64_t offset) {
  const L2Dialect dialect = image_->geometry().l2_dialect();
  const uint64_t bits = dialect.cluster_bits;
  const uint64_t references = TRY(image_->refcounts().Count(offset >> bits));
  bool changed = false;
  wrote_zeroes_ = false;
  num_dropped_ = 0;
  for (uint64_t i = 0; i < table_.size() / kL2EntryBytes; ++i) {
    const uint64_t at = i * kL2EntryBytes;
    const L2Entry entry = {.word = TRY(table_.view().At<Be64>(at))};
    const ClusterKind kind = ClusterKindOf(dialect, entry);
    if (kind != ClusterKind::kZero && kind != ClusterKind::kZeroWithOffset) {
      continue;
    }
    if (image_->geometry().InCluster(entry.offset()) != 0) {
      return Error{.fault = Fault::kQcow2ClusterUnaligned,
                   .value = entry.offset(),
                   .value2 = offset,
                   .value3 = i};
    }
    const uint64_t word = TRY(Replace(entry, references));
    TRY(table_.Put<Be64>(at, word));
    changed = true;
  }
  return changed ? WriteTable(offset, references) : Status();
}

// A cluster that others refer to as well holds what they need.
Result<uint64_t> ZeroExpansion::Replace(const L2Entry& entry,
                                        uint64_t references) {
  const uint64_t bits = image_->geometry().cluster_bits;
  uint64_t offset = entry.offset();
  if (offset != 0) {
    const uint64_t cluster = offset >> bits;
    const uint64_t refcount = TRY(image_->refcounts().Count(cluster));
    if (refcount > references) {
      TRY(dropped_.Put<Be64>(num_dropped_ * Be64::kSize, cluster));
      ++num_dropped_;
      offset = 0;
    }
  }
  if (offset == 0) {
    if (image_->header.backing_file_offset == 0) {
      return uint64_t{0};
    }
    offset = TRY(TakeCluster(references));
  }
  TRY(image_->file().WriteZeroes(offset, image_->geometry().cluster_bytes(),
                                 false));
  wrote_zeroes_ = true;
  return offset | (references == 1 ? kEntryCopied : 0);
}

Result<uint64_t> ZeroExpansion::TakeCluster(uint64_t references) {
  const uint64_t offset = TRY(image_->Allocate(1));
  const uint64_t cluster = offset >> image_->geometry().cluster_bits;
  uint64_t added = 0;
  for (uint64_t i = 1; i < references; ++i) {
    TRY(image_->refcounts().AddReferences(cluster, 1, added));
  }
  return offset;
}

// What the table refers to is in the file before it is.
Status ZeroExpansion::WriteTable(uint64_t offset, uint64_t references) {
  if (wrote_zeroes_) {
    TRY(image_->Sync());
  }
  TRY(image_->file().WriteAt(offset, table_.view()));
  if (num_dropped_ == 0) {
    return {};
  }
  TRY(image_->file().Flush());
  TRY(image_->tables().BeginFreeing());
  FreedRun freed;
  for (uint64_t i = 0; i < num_dropped_; ++i) {
    const uint64_t cluster = TRY(dropped_.view().At<Be64>(i * Be64::kSize));
    for (uint64_t n = 0; n < references; ++n) {
      TRY(image_->refcounts().DropReferences(cluster, 1, freed));
    }
  }
  return image_->refcounts().GiveUp(freed);
}

}  // namespace instar::qcow2
