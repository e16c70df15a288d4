#include "lib/format/qcow2/cluster_tree.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kNoLimit = ~uint64_t{0};
constexpr uint64_t kPieceBytes = 64 * 1024;

}  // namespace

Status ClusterTree::Init() {
  const Geometry& geometry = image_->geometry();
  dialect_ = geometry.l2_dialect();
  entries_ = geometry.l2_entries();
  entry_bytes_ = geometry.l2_entry_bytes();
  batch_ = TRY(TableBatch::Create(image_->arena(), image_->file(),
                                  geometry.cluster_bytes()));
  table_ = TRY(image_->arena().Allocate(geometry.cluster_bytes()));
  return {};
}

// Calls `visit` with the index, the offset and the bytes of every L2 table.
template <typename Visit>
Status ClusterTree::ForEachTable(ByteView l1, Visit visit) {
  const auto entries = l1.Array<Be64>();
  uint64_t indices[TableBatch::kMaxTables] = {};
  for (uint64_t next = 0; next < entries.size();) {
    batch_.Clear();
    while (next < entries.size() && !batch_.full()) {
      const uint64_t offset = entries[next] & kL1OffsetMask;
      if (image_->geometry().InCluster(offset) != 0) {
        break;
      }
      if (offset != 0) {
        indices[batch_.count()] = next;
        batch_.Add(offset);
      }
      ++next;
    }
    batch_.Read();
    for (uint64_t i = 0; i < batch_.count(); ++i) {
      const uint64_t index = indices[i];
      const ByteView table = TRY(batch_.Table(i));
      TRY(visit(index, entries[index] & kL1OffsetMask, table));
    }
    if (next < entries.size() && !batch_.full()) {
      return Error{.fault = Fault::kQcow2L2TableUnaligned,
                   .value = entries[next] & kL1OffsetMask,
                   .value2 = next};
    }
  }
  return {};
}

L2Entry ClusterTree::EntryAt(ByteView table, uint64_t index) const {
  const uint64_t at = index * entry_bytes_;
  L2Entry entry = {.word = table.At<Be64>(at).value()};
  if (dialect_.extended) {
    entry.bitmap = table.At<Be64>(at + kL2EntryBytes).value();
  }
  return entry;
}

Result<ClusterTree::Run> ClusterTree::ClustersOf(const L2Entry& entry,
                                                 uint64_t table_offset,
                                                 uint64_t index) const {
  const uint64_t bits = dialect_.cluster_bits;
  switch (ClusterKindOf(dialect_, entry)) {
    case ClusterKind::kCompressed: {
      const PackedCluster packed = PackedClusterOf(dialect_, entry);
      const uint64_t last = packed.host_offset + packed.stored_bytes - 1;
      const uint64_t first = packed.host_offset >> bits;
      return Run{.first = first, .count = (last >> bits) - first + 1};
    }
    case ClusterKind::kData:
    case ClusterKind::kZeroWithOffset:
      if (image_->geometry().InCluster(entry.offset()) != 0) {
        return Error{.fault = Fault::kQcow2ClusterUnaligned,
                     .value = entry.offset(),
                     .value2 = table_offset,
                     .value3 = index};
      }
      return Run{.first = entry.offset() >> bits, .count = 1};
    case ClusterKind::kUnallocated:
    case ClusterKind::kUnallocatedWithOffset:
    case ClusterKind::kZero:
    case ClusterKind::kInvalid:
      break;
  }
  return Run{};
}

// ---- Counting ---------------------------------------------------------------

Status ClusterTree::Add(ByteView l1) {
  TRY(image_->tables().BeginAllocating());
  const Status added = Walk(l1, Change::kAdd, kNoLimit);
  if (added.ok()) {
    return {};
  }
  // The same clusters in the same order, as far as it got.
  const uint64_t done = done_;
  TRY(image_->tables().BeginFreeing());
  const Status undone = Walk(l1, Change::kDrop, done);
  return undone.ok() ? added : undone;
}

Status ClusterTree::Drop(ByteView l1) {
  TRY(image_->tables().BeginFreeing());
  return Walk(l1, Change::kDrop, kNoLimit);
}

// Counts up to `limit` references; done_ says afterwards how many.
Status ClusterTree::Walk(ByteView l1, Change change, uint64_t limit) {
  change_ = change;
  pending_ = {};
  done_ = 0;
  left_ = limit;
  freed_ = {};
  const Status walked = ForEachTable(
      l1, [this](uint64_t, uint64_t offset, ByteView table) -> Status {
        return left_ == 0 ? Status() : CountTable(offset, table);
      });
  const Status settled = Settle();
  const Status given_up = image_->refcounts().GiveUp(freed_);
  // What the limit was set for has been met by then.
  if (left_ == 0) {
    return {};
  }
  TRY(walked);
  TRY(settled);
  return given_up;
}

Status ClusterTree::CountTable(uint64_t offset, ByteView table) {
  for (uint64_t i = 0; i < entries_ && left_ != 0; ++i) {
    const L2Entry entry = EntryAt(table, i);
    if (entry.word == 0) {
      continue;
    }
    const Run run = TRY(ClustersOf(entry, offset, i));
    TRY(CountRun(run));
  }
  return CountRun({.first = offset >> dialect_.cluster_bits, .count = 1});
}

Status ClusterTree::CountRun(Run run) {
  if (run.first == pending_.first + pending_.count) {
    pending_.count += run.count;
    return {};
  }
  if (run.count != 0) {
    TRY(Settle());
    pending_ = run;
  }
  return {};
}

Status ClusterTree::Settle() {
  const Run run = {.first = pending_.first,
                   .count = Min(pending_.count, left_)};
  pending_ = {};
  if (change_ == Change::kDrop) {
    TRY(image_->refcounts().DropReferences(run.first, run.count, freed_));
    left_ -= run.count;
    done_ += run.count;
    return {};
  }
  return image_->refcounts().AddReferences(run.first, run.count, done_);
}

// ---- Flags ------------------------------------------------------------------

Result<uint64_t> ClusterTree::CopiedBit(uint64_t cluster) {
  const uint64_t refcount = TRY(image_->refcounts().Count(cluster));
  return refcount == 1 ? kEntryCopied : 0;
}

Result<bool> ClusterTree::MarkCopied(MutableBytes l1) {
  bool changed = false;
  const auto mark = [&](uint64_t index, uint64_t offset,
                        ByteView table) -> Status {
    TRY(MarkTable(offset, table));
    const uint64_t copied = TRY(CopiedBit(offset >> dialect_.cluster_bits));
    const uint64_t old = TRY(l1.view().At<Be64>(index * kL1EntryBytes));
    const uint64_t entry = (old & ~kEntryCopied) | copied;
    changed |= entry != old;
    return l1.Put<Be64>(index * kL1EntryBytes, entry);
  };
  TRY(ForEachTable(l1.view(), mark));
  return changed;
}

// Writes what changes in the pieces in which qemu-img does: what is not written
// may be a hole of the file, and that shows.
Status ClusterTree::MarkTable(uint64_t offset, ByteView table) {
  const uint64_t piece = Min(table.size(), kPieceBytes) / entry_bytes_;
  TRY(table_.PutBytes(0, table));
  for (uint64_t first = 0; first < entries_; first += piece) {
    bool changed = false;
    for (uint64_t i = first; i < first + piece; ++i) {
      changed = TRY(MarkEntry(offset, i)) || changed;
    }
    if (changed) {
      const uint64_t at = first * entry_bytes_;
      const MutableBytes bytes = TRY(table_.Slice(at, piece * entry_bytes_));
      TRY(image_->file().WriteAt(offset + at, bytes.view()));
    }
  }
  return {};
}

// Whether the entry of table_ has changed.
Result<bool> ClusterTree::MarkEntry(uint64_t table_offset, uint64_t index) {
  const L2Entry entry = EntryAt(table_.view(), index);
  if (entry.word == 0) {
    return false;
  }
  const Run run = TRY(ClustersOf(entry, table_offset, index));
  if (run.count == 0) {
    return false;
  }
  // Packed clusters share theirs with others.
  const bool is_packed = (entry.word & kEntryCompressed) != 0;
  const uint64_t copied = is_packed ? 0 : TRY(CopiedBit(run.first));
  if ((entry.word & kEntryCopied) == copied) {
    return false;
  }
  const uint64_t word = (entry.word & ~kEntryCopied) | copied;
  TRY(table_.Put<Be64>(index * entry_bytes_, word));
  return true;
}

}  // namespace instar::qcow2
