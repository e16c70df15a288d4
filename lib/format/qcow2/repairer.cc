// Repairing a qcow2 image: what the check finds is mended, in an order that
// leaves the image no worse wherever it ends: first entries that refer to
// nothing they could, then refcounts, then copied flags, then the header.
#include "lib/format/repairer.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/check_references.h"
#include "lib/format/qcow2/check_run.h"
#include "lib/format/qcow2/mending.h"
#include "lib/format/qcow2/metadata.h"
#include "lib/format/qcow2/refcount_rebuild.h"
#include "lib/format/qcow2/snapshot_rewrite.h"

namespace instar::qcow2 {
namespace {

constexpr uint8_t kName[] = {'q', 'c', 'o', 'w', '2'};
// qemu counts clusters in an int.
constexpr uint64_t kMaxClusters = std::numeric_limits<int32_t>::max();
// Refcount blocks behind the file's end make it grow, once each.
constexpr uint64_t kMaxRounds = 3;

class Repair {
 public:
  Repair(Arena& arena, CheckRun& run) : arena_(&arena), run_(&run) {}

  // All but the snapshot table. Errors: kErrno, which ends the repair; the
  // visitor's.
  Status MendReferences();

 private:
  Status Prepare();
  // Counts and compares window by window, and mends what `fix` has. What the
  // comparison alone found is in compared_.
  Status CompareAll(RepairKinds fix);
  Status CountWindow(uint64_t first);
  Status Rebuild();
  Status MendCounts();
  Status MendFlags();

  Arena* arena_;
  CheckRun* run_;
  CheckRoom room_;
  RefcountRebuild rebuild_;
  bool is_counted_ = false;  // the window that the room has
  uint64_t total_ = 0;       // clusters that are counted
  uint64_t highest_ = 0;
  CheckResult compared_;
};

Status Repair::Prepare() {
  const Header& header = run_->header;
  if (run_->num_clusters > kMaxClusters) {
    ++run_->result.check_errors;
    return EndsWith(kEfbig);
  }
  const uint64_t clusters = run_->num_clusters + 1;
  total_ = clusters + RefcountRebuild::Reserve(header, clusters);
  room_.batch =
      TRY(TableBatch::Create(*arena_, *run_->file, run_->cluster_size()));
  room_.chunk = TRY(arena_->Allocate(TableWalk::kChunkBytes, 4096));
  const Status room = rebuild_.Init(*arena_, header, total_);
  if (!room.ok() && room.error().fault != Fault::kNoMemory) {
    return room.error();
  }
  room_.counts =
      TRY(ReferenceCounts::Create(*arena_, total_, header.refcount_order));
  is_counted_ = false;
  return {};
}

Status Repair::CountWindow(uint64_t first) {
  if (is_counted_ && room_.counts.first() == first) {
    return {};
  }
  const uint64_t window = room_.counts.max_clusters();
  is_counted_ = false;
  TRY(room_.counts.SetWindow(*run_, room_.batch, first,
                             Min(window, total_ - first)));
  TRY(CountReferences(*run_, room_));
  is_counted_ = true;
  return {};
}

Status Repair::CompareAll(RepairKinds fix) {
  compared_ = {};
  highest_ = 0;
  const uint64_t window = room_.counts.max_clusters();
  for (uint64_t first = 0; first < total_; first += window) {
    TRY(CountWindow(first));
    if (run_->grown) {
      return {};
    }
    run_->again = true;
    const CheckResult before = run_->result;
    TRY(CompareCounts(*run_, room_, fix, highest_));
    const CheckResult& after = run_->result;
    compared_.corruptions += after.corruptions - before.corruptions;
    compared_.leaks += after.leaks - before.leaks;
    compared_.check_errors += after.check_errors - before.check_errors;
    compared_.leaks_fixed += after.leaks_fixed - before.leaks_fixed;
  }
  return {};
}

Status Repair::Rebuild() {
  const CheckResult old = run_->result;
  TRY(run_->visitor->OnProblem({.fault = Fault::kRepairRebuild}));
  TRY(run_->file->Flush());
  TRY(rebuild_.Run(*run_, room_.counts));
  is_counted_ = false;
  run_->rebuild = false;
  run_->again = false;
  run_->result.corruptions = 0;
  run_->result.leaks = 0;
  run_->result.allocated_clusters = 0;
  run_->result.fragmented_clusters = 0;
  run_->result.compressed_clusters = 0;
  const RepairKinds fix = run_->fix;
  run_->fix = {};
  const Status compared = CompareAll({.leaks = fix.leaks});
  run_->fix = fix;
  TRY(compared);
  if (run_->rebuild) {
    TRY(run_->visitor->OnProblem({.fault = Fault::kRepairRebuildBroken}));
  }
  // The refcounts that were there before are free now; nobody counts that.
  CheckResult& result = run_->result;
  result.corruptions -= compared_.corruptions;
  result.leaks -= compared_.leaks;
  result.check_errors -= compared_.check_errors;
  result.leaks_fixed -= compared_.leaks_fixed;
  result.corruptions_fixed +=
      old.corruptions - Min(old.corruptions, result.corruptions);
  result.leaks_fixed += old.leaks - Min(old.leaks, result.leaks);
  return {};
}

Status Repair::MendCounts() {
  CheckResult& result = run_->result;
  if (run_->rebuild) {
    TRY(run_->visitor->OnProblem({.fault = Fault::kRepairRebuildNeeded}));
    return EndsWith(kEio);
  }
  if (result.leaks == 0 && result.corruptions == 0) {
    return {};
  }
  result.leaks -= compared_.leaks;
  result.corruptions -= compared_.corruptions;
  result.check_errors -= compared_.check_errors;
  // Entries that were mended must not come back once clusters are free.
  TRY(run_->file->Flush());
  run_->recounts = true;
  return CompareAll(run_->fix);
}

Status Repair::MendFlags() {
  TRY(run_->file->Flush());
  run_->DropCache();
  TRY(room_.counts.KeepOnesOnly(*run_, room_.batch, total_));
  TRY(CheckCopiedFlags(*run_, room_));
  return run_->file->Flush();
}

Status Repair::MendReferences() {
  run_->result.total_clusters =
      DivRoundUp(run_->header.virtual_size(), run_->cluster_size());
  const uint64_t mark = arena_->Mark();
  run_->grown = true;
  for (uint64_t i = 0; run_->grown && i < kMaxRounds; ++i) {
    arena_->Rewind(mark);
    run_->grown = false;
    TRY(Prepare());
    TRY(CompareAll({}));
    run_->again |= run_->grown;
    run_->recounts |= run_->grown;
  }
  if (run_->rebuild && run_->fix.errors) {
    TRY(Rebuild());
  } else {
    TRY(MendCounts());
  }
  TRY(MendFlags());
  run_->result.image_end_offset = (highest_ + 1) << run_->header.cluster_bits;
  return {};
}

// Promises of programs that this one knows nothing of do not hold once it
// writes.
Status DropAutoclear(CheckRun& run) {
  const uint64_t kept = KeptAutoclear(run.header);
  if (run.header.version < 3 || run.header.autoclear == kept) {
    return {};
  }
  run.header.autoclear = kept;
  return WriteFeatures(run);
}

// An image that has nothing wrong is neither dirty nor corrupt.
Status MarkSound(CheckRun& run) {
  constexpr uint64_t kMarks = kIncompatibleDirty | kIncompatibleCorrupt;
  const CheckResult& result = run.result;
  const bool is_sound = result.corruptions == 0 || run.fix.at_opening;
  if (result.check_errors != 0 || !is_sound || run.header.version < 3 ||
      (run.header.incompatible & kMarks) == 0) {
    return {};
  }
  run.header.incompatible &= ~kMarks;
  return WriteFeatures(run);
}

Status MendAll(Arena& arena, CheckRun& run) {
  TRY(CheckSnapshotTable(run));
  CheckResult snapshots = run.result;
  run.result = {};
  const uint64_t mark = arena.Mark();
  Repair repair(arena, run);
  TRY(repair.MendReferences());
  if (snapshots.corruptions != 0 && run.fix.errors) {
    arena.Rewind(mark);
    run.DropCache();
    TRY(RewriteSnapshotTable(arena, run));
    snapshots.corruptions_fixed += snapshots.corruptions;
    snapshots.corruptions = 0;
  }
  run.result.corruptions += snapshots.corruptions;
  run.result.corruptions_fixed += snapshots.corruptions_fixed;
  run.result.check_errors += snapshots.check_errors;
  return MarkSound(run);
}

Result<CheckResult> RepairQcow2(Arena& arena, File& file, Opener& /*opener*/,
                                ProblemVisitor& visitor, RepairKinds kinds) {
  BlockCache cache;
  CheckRun run;
  run.file = &file;
  run.visitor = &visitor;
  run.rules = visitor.rules();
  run.fix = kinds;
  TRY(OpenForCheck(arena, run, cache));
  TRY(DropAutoclear(run));
  const Status mended = MendAll(arena, run);
  if (!mended.ok()) {
    if (mended.error().fault != Fault::kErrno) {
      return mended.error();
    }
    run.result.error = mended.error().error;
  }
  return run.result;
}

}  // namespace

extern const Repairer kRepairer;
constinit const Repairer kRepairer = {.name = ByteView{kName, sizeof kName},
                                      .repair = &RepairQcow2};

}  // namespace instar::qcow2
