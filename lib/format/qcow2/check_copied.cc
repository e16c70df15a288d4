#include "lib/base/errno.h"
#include "lib/format/qcow2/check_references.h"
#include "lib/format/qcow2/l2_entry.h"
#include "lib/format/qcow2/mending.h"
#include "lib/format/qcow2/stored_refcounts.h"

namespace instar::qcow2 {
namespace {

class CopiedFlags {
 public:
  CopiedFlags(CheckRun& run, const ReferenceCounts& counts)
      : run_(&run),
        counts_(&counts),
        dialect_(run.header.l2_dialect()),
        mends_(run.fix.errors || (run.fix.leaks && IsClean(run.result))) {}

  // A flag that does not fit; `refcount` is what is stored. Nothing where the
  // flag is right, or the refcount cannot be read.
  struct Misfit {
    bool unreadable = false;
    bool found = false;
    uint64_t refcount = 0;
  };
  Result<Misfit> Look(uint64_t offset, bool copied, bool is_data);
  Status CheckEntry(uint64_t index, uint64_t entry, const Misfit& misfit);
  // `offset`: where the table is in the file.
  Status CheckTable(MutableBytes table, uint64_t offset);

 private:
  // Refcounts that are known to be right tell what the flags should be.
  static bool IsClean(const CheckResult& result) {
    return result.corruptions == 0 && result.leaks == 0 &&
           result.check_errors == 0;
  }
  // Whether a table may be written to; ends the repair where it may not.
  Status CheckPlace(uint64_t offset, uint64_t bytes, Intended intended);
  void CountMended(uint64_t count) {
    run_->result.corruptions -= count;
    run_->result.corruptions_fixed += count;
  }

  CheckRun* run_;
  const ReferenceCounts* counts_;
  L2Dialect dialect_;
  bool mends_;
};

Status CopiedFlags::CheckPlace(uint64_t offset, uint64_t bytes,
                               Intended intended) {
  const ByteView hit = TRY(MetadataAt(*run_, offset, bytes, intended));
  if (hit.empty()) {
    return {};
  }
  TRY(MarkCorrupt(*run_, {.fault = Fault::kRepairOverlap,
                          .text = hit.data(),
                          .text_bytes = static_cast<uint32_t>(hit.size())}));
  ++run_->result.check_errors;
  if (intended == Intended::kL2) {
    TRY(run_->visitor->OnProblem(
        {.fault = Fault::kRepairCopiedOverlap, .error = kEio}));
  }
  return EndsWith(kEio);
}

// The entry of the L1 table, of which `misfit` was found.
Status CopiedFlags::CheckEntry(uint64_t index, uint64_t entry,
                               const Misfit& misfit) {
  TRY(run_->CorruptionHere({.fault = mends_ ? Fault::kRepairL2TableCopied
                                            : Fault::kCheckL2TableCopied,
                            .value = index,
                            .value2 = entry,
                            .value3 = misfit.refcount}));
  if (!mends_) {
    return {};
  }
  const uint64_t at = run_->header.l1_offset + index * kL1EntryBytes;
  TRY(CheckPlace(at, kL1EntryBytes, Intended::kActiveL1));
  uint8_t bytes[kL1EntryBytes];
  const MutableBytes out(bytes, sizeof bytes);
  TRY(out.Put<Be64>(0, entry ^ kEntryCopied));
  TRY(run_->file->WriteAt(at, out.view()));
  CountMended(1);
  return {};
}

Result<CopiedFlags::Misfit> CopiedFlags::Look(uint64_t offset, bool copied,
                                              bool is_data) {
  if (is_data && dialect_.external_data) {
    return Misfit{.found = !copied, .refcount = 1};
  }
  const uint64_t cluster = run_->ClusterOf(offset);
  if (counts_->Holds(cluster)) {
    const bool is_one = counts_->StoredIsOne(cluster);
    // A table whose refcount cannot be read is passed over.
    if (is_one || (is_data && !copied)) {
      return Misfit{.found = is_one != copied, .refcount = 1};
    }
  }
  const auto refcount = StoredRefcount(*run_->cache, run_->header, cluster);
  if (refcount.ok()) {
    return Misfit{.found = (refcount.value() == 1) != copied,
                  .refcount = refcount.value()};
  }
  if (refcount.error().fault == Fault::kCheckRefblockOffset) {
    TRY(run_->BadRefblock(refcount.error()));
  }
  return Misfit{.unreadable = true};
}

Status CopiedFlags::CheckTable(MutableBytes table, uint64_t offset) {
  const auto words = table.view().Array<Be64>();
  uint64_t num_mended = 0;
  const uint64_t step = dialect_.extended ? 2 : 1;
  for (uint64_t i = 0; i < words.size(); i += step) {
    const L2Entry entry = {.word = words[i]};
    if (entry.word == 0) {
      continue;
    }
    const ClusterKind kind = ClusterKindOf(dialect_, entry);
    if (kind != ClusterKind::kData && kind != ClusterKind::kZeroWithOffset) {
      continue;
    }
    const Misfit misfit =
        TRY(Look(entry.offset(), (entry.word & kEntryCopied) != 0, true));
    if (!misfit.found) {
      continue;
    }
    TRY(run_->CorruptionHere({.fault = mends_ ? Fault::kRepairClusterCopied
                                              : Fault::kCheckClusterCopied,
                              .value = entry.word,
                              .value2 = misfit.refcount}));
    if (mends_) {
      TRY(table.Put<Be64>(i * Be64::kSize, entry.word ^ kEntryCopied));
      ++num_mended;
    }
  }
  if (num_mended == 0) {
    return {};
  }
  TRY(CheckPlace(offset, table.size(), Intended::kL2));
  TRY(run_->file->WriteAt(offset, table.view()));
  CountMended(num_mended);
  return {};
}

}  // namespace

Status CheckCopiedFlags(CheckRun& run, CheckRoom& room) {
  CopiedFlags flags(run, room.counts);
  const L1Table l1 = {.offset = run.header.l1_offset,
                      .num_entries = run.header.num_l1_entries};
  TableWalk walk(*run.file, room.batch, room.chunk, l1, kL1OffsetMask);
  while (TRY(walk.Next())) {
    const uint64_t entry = walk.entry();
    const auto misfit = TRY(
        flags.Look(entry & kL1OffsetMask, (entry & kEntryCopied) != 0, false));
    if (misfit.unreadable) {
      continue;
    }
    if (misfit.found) {
      TRY(flags.CheckEntry(walk.index(), entry, misfit));
    }
    const auto table = walk.writable_table();
    if (!table.ok()) {
      ++run.result.check_errors;
      TRY(run.visitor->OnProblem(
          {.fault = Fault::kCheckCopiedRead, .error = table.error().error}));
      return table.error();
    }
    const uint64_t fixed = run.result.corruptions_fixed;
    TRY(flags.CheckTable(table.value(), entry & kL1OffsetMask));
    if (run.result.corruptions_fixed != fixed) {
      room.batch.Distrust();
    }
  }
  return {};
}

}  // namespace instar::qcow2
