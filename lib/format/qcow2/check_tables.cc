#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/check_references.h"
#include "lib/format/qcow2/l2_entry.h"
#include "lib/format/qcow2/mending.h"

namespace instar::qcow2 {
namespace {

Error Problem(Fault fault, uint64_t value = 0, uint64_t value2 = 0) {
  return {.fault = fault, .value = value, .value2 = value2};
}

class TableCounter {
 public:
  TableCounter(CheckRun& run, ReferenceCounts& counts, bool active)
      : run_(&run),
        counts_(&counts),
        active_(active),
        dialect_(run.header.l2_dialect()),
        external_data_(run.header.has_data_file()) {}

  // `offset`: where the table is in the file.
  Status CountTable(ByteView table, uint64_t offset);
  // Notes where a copied flag may not fit the refcount that is stored.
  void NoteCopied(uint64_t offset, bool copied, bool is_data);

 private:
  // What stays the same in the loop over a table, and what it adds up.
  struct Loop {
    uint64_t table_offset = 0;
    uint64_t next = 0;  // where the cluster behind the last one would be; 0:
                        // there was none
    uint64_t allocated = 0;
    uint64_t fragmented = 0;
    uint64_t compressed = 0;
  };

  Status CountPlain(ByteView table, Loop& loop);
  Status CountExtended(ByteView table, Loop& loop);
  Status CountEntry(uint64_t index, const L2Entry& entry, Loop& loop);
  Status CountCompressed(uint64_t index, L2Entry entry, Loop& loop);
  Status CountAllocated(uint64_t index, const L2Entry& entry, Loop& loop);
  // Tells of a cluster that begins in the middle of another. Returns whether
  // the entry was mended and refers to nothing any more.
  Result<bool> ReportUnaligned(uint64_t index, const L2Entry& entry,
                               const Loop& loop);

  CheckRun* run_;
  ReferenceCounts* counts_;
  bool active_;
  L2Dialect dialect_;
  bool external_data_;
};

void TableCounter::NoteCopied(uint64_t offset, bool copied, bool is_data) {
  if (!active_) {
    return;
  }
  const uint64_t cluster = run_->ClusterOf(offset);
  if (is_data && external_data_) {
    run_->suspicious |= !copied;
  } else if (counts_->Holds(cluster)) {
    run_->suspicious |= copied != counts_->StoredIsOne(cluster);
  } else if (cluster > run_->num_clusters) {
    run_->suspicious = true;  // in no window
  }
}

Status TableCounter::CountCompressed(uint64_t index, L2Entry entry,
                                     Loop& loop) {
  const PackedCluster packed = PackedClusterOf(dialect_, entry);
  if ((entry.word & kEntryCopied) != 0) {
    TRY(run_->Corruption(
        Problem(Fault::kCheckCompressedCopied, packed.host_offset)));
    entry.word &= ~kEntryCopied;
  }
  if (external_data_) {
    return run_->Corruption(
        Problem(Fault::kCheckCompressedWithDataFile, index, entry.word));
  }
  if (entry.bitmap != 0 && run_->rules.reserved_bits) {
    return run_->Corruption(
        Problem(Fault::kCheckCompressedSubclusters, index, entry.word));
  }
  TRY(counts_->AddRegion(*run_, packed.host_offset, packed.stored_bytes));
  ++loop.allocated;
  ++loop.fragmented;
  ++loop.compressed;
  return {};
}

Result<bool> TableCounter::ReportUnaligned(uint64_t index, const L2Entry& entry,
                                           const Loop& loop) {
  const uint64_t offset = entry.offset();
  const bool has_data = dialect_.extended ? entry.allocated() != 0
                                          : (entry.word & kEntryZero) == 0;
  const bool mends = !has_data && run_->fix.errors;
  if (!mends) {
    TRY(run_->Corruption(Problem(has_data ? Fault::kCheckDataUnaligned
                                          : Fault::kCheckPreallocatedUnaligned,
                                 offset)));
    return false;
  }
  TRY(run_->CorruptionHere(
      Problem(Fault::kRepairPreallocatedUnaligned, offset)));
  TRY(ZeroEntry(
      *run_, loop.table_offset + index * run_->header.l2_entry_bytes(), entry));
  return true;
}

Status TableCounter::CountAllocated(uint64_t index, const L2Entry& entry,
                                    Loop& loop) {
  const uint64_t offset = entry.offset();
  if (run_->rules.reserved_bits && (entry.allocated() & entry.zero()) != 0) {
    TRY(run_->Corruption(Problem(Fault::kCheckSubclusters, offset)));
  }
  if (!run_->IsAligned(offset)) {
    const bool is_mended = TRY(ReportUnaligned(index, entry, loop));
    if (is_mended) {
      return {};
    }
  }
  ++loop.allocated;
  loop.fragmented += loop.next != 0 && offset != loop.next ? 1 : 0;
  loop.next = offset + run_->cluster_size();
  NoteCopied(offset, (entry.word & kEntryCopied) != 0, true);
  if (external_data_) {
    return {};
  }
  return counts_->AddRegion(*run_, offset, run_->cluster_size());
}

Status TableCounter::CountEntry(uint64_t index, const L2Entry& entry,
                                Loop& loop) {
  const ClusterKind kind = ClusterKindOf(dialect_, entry);
  if (kind == ClusterKind::kCompressed) {
    return CountCompressed(index, entry, loop);
  }
  if (run_->rules.reserved_bits && (entry.word & kL2ReservedMask) != 0) {
    TRY(run_->Corruption(Problem(Fault::kCheckL2Reserved, entry.word)));
  }
  if (kind == ClusterKind::kData || kind == ClusterKind::kZeroWithOffset) {
    return CountAllocated(index, entry, loop);
  }
  if (run_->rules.reserved_bits && entry.allocated() != 0) {
    return run_->Corruption(Problem(Fault::kCheckUnallocatedSubclusters));
  }
  return {};
}

Status TableCounter::CountPlain(ByteView table, Loop& loop) {
  const auto words = table.Array<Be64>();
  const uint64_t bits = run_->header.cluster_bits;
  const uint64_t cluster_size = run_->cluster_size();
  const uint64_t num_clusters = external_data_ ? 0 : run_->num_clusters;
  // Bits that no entry has that is counted without a closer look.
  const uint64_t odd = ~(kEntryCopied | kL2OffsetMask) | (cluster_size - 1);
  ReferenceCounts& counts = *counts_;
  bool suspicious = false;
  for (uint64_t i = 0; i < words.size(); ++i) {
    const uint64_t word = words[i];
    if (word == 0) {
      continue;
    }
    const uint64_t offset = word & kL2OffsetMask;
    const uint64_t cluster = offset >> bits;
    if ((word & odd) != 0 || cluster == 0 || cluster >= num_clusters) {
      TRY(CountEntry(i, {.word = word}, loop));
      continue;
    }
    ++loop.allocated;
    loop.fragmented += loop.next != 0 && offset != loop.next ? 1 : 0;
    loop.next = offset + cluster_size;
    if (!counts.Holds(cluster)) {
      continue;
    }
    suspicious |= ((word & kEntryCopied) != 0) != counts.StoredIsOne(cluster);
    if (!counts.Add(cluster)) {
      TRY(counts.AddCluster(*run_, offset));
    }
  }
  run_->suspicious |= active_ && suspicious;
  return {};
}

Status TableCounter::CountExtended(ByteView table, Loop& loop) {
  const auto words = table.Array<Be64>();
  for (uint64_t i = 0; i + 1 < words.size(); i += 2) {
    const L2Entry entry = {.word = words[i], .bitmap = words[i + 1]};
    if ((entry.word | entry.bitmap) != 0) {
      TRY(CountEntry(i / 2, entry, loop));
    }
  }
  return {};
}

Status TableCounter::CountTable(ByteView table, uint64_t offset) {
  Loop loop = {.table_offset = offset};
  TRY(dialect_.extended ? CountExtended(table, loop) : CountPlain(table, loop));
  if (active_ && !run_->again) {
    run_->result.allocated_clusters += loop.allocated;
    run_->result.fragmented_clusters += loop.fragmented;
    run_->result.compressed_clusters += loop.compressed;
  }
  return {};
}

}  // namespace

Status CountTables(CheckRun& run, CheckRoom& room, L1Table l1, bool active) {
  const uint64_t bytes = l1.num_entries * kL1EntryBytes;
  TRY(room.counts.AddRegion(run, l1.offset, bytes));
  if (bytes != 0 && l1.offset > kMaxReadOffset - bytes) {
    TRY(run.CheckError(Problem(Fault::kCheckL1Read)));
    return EndsWith(kEio);
  }
  TableCounter counter(run, room.counts, active);
  TableWalk walk(*run.file, room.batch, room.chunk, l1, ~uint64_t{0});
  // As many rounds as the L1 table has entries, 2^22 at most.
  for (;;) {
    const auto moved = walk.Next();
    if (!moved.ok()) {
      TRY(run.CheckError(Problem(Fault::kCheckL1Read)));
      return moved.error();
    }
    if (!moved.value()) {
      return {};
    }
    const uint64_t entry = walk.entry();
    const uint64_t offset = entry & kL1OffsetMask;
    if (run.rules.reserved_bits && (entry & kL1ReservedMask) != 0) {
      TRY(run.Corruption(Problem(Fault::kCheckL1Reserved, entry)));
    }
    TRY(room.counts.AddRegion(run, offset, run.cluster_size()));
    if (!run.IsAligned(offset)) {
      TRY(run.Corruption(Problem(Fault::kCheckL2TableUnaligned, offset)));
    }
    if (offset != 0) {
      counter.NoteCopied(offset, (entry & kEntryCopied) != 0, false);
    }
    const auto table = walk.table();
    if (!table.ok()) {
      TRY(run.CheckError(Problem(Fault::kCheckL2Read)));
      return table.error();
    }
    const uint64_t fixed = run.result.corruptions_fixed;
    TRY(counter.CountTable(table.value(), offset));
    if (run.result.corruptions_fixed != fixed) {
      room.batch.Distrust();
    }
  }
}

}  // namespace instar::qcow2
