#include "lib/format/qcow2/check_references.h"
#include "lib/format/qcow2/l2_entry.h"
#include "lib/format/qcow2/stored_refcounts.h"

namespace instar::qcow2 {
namespace {

class CopiedFlags {
 public:
  CopiedFlags(CheckRun& run, const ReferenceCounts& counts)
      : run_(&run), counts_(&counts), dialect_(run.header.l2_dialect()) {}

  // A flag that does not fit; `refcount` is what is stored. Nothing where the
  // flag is right, or the refcount cannot be read.
  struct Misfit {
    bool unreadable = false;
    bool found = false;
    uint64_t refcount = 0;
  };
  Result<Misfit> Look(uint64_t offset, bool copied, bool is_data);
  Status CheckTable(ByteView table);

 private:
  CheckRun* run_;
  const ReferenceCounts* counts_;
  L2Dialect dialect_;
};

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

Status CopiedFlags::CheckTable(ByteView table) {
  const auto words = table.Array<Be64>();
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
    if (misfit.found) {
      TRY(run_->CorruptionHere({.fault = Fault::kCheckClusterCopied,
                                .value = entry.word,
                                .value2 = misfit.refcount}));
    }
  }
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
      TRY(run.CorruptionHere({.fault = Fault::kCheckL2TableCopied,
                              .value = walk.index(),
                              .value2 = entry,
                              .value3 = misfit.refcount}));
    }
    const auto table = walk.table();
    if (!table.ok()) {
      ++run.result.check_errors;
      TRY(run.visitor->OnProblem(
          {.fault = Fault::kCheckCopiedRead, .error = table.error().error}));
      return table.error();
    }
    TRY(flags.CheckTable(table.value()));
  }
  return {};
}

}  // namespace instar::qcow2
