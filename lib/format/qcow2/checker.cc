// Checking a qcow2 image: all references that its metadata makes are counted,
// window by window, and compared with the refcounts that are stored.
#include "lib/format/checker.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/check_references.h"
#include "lib/format/qcow2/check_run.h"

namespace instar::qcow2 {
namespace {

constexpr uint8_t kName[] = {'q', 'c', 'o', 'w', '2'};
// qemu counts clusters in an int.
constexpr uint64_t kMaxClusters = std::numeric_limits<int32_t>::max();

Status CheckReferences(Arena& arena, CheckRun& run) {
  if (run.num_clusters > kMaxClusters) {
    ++run.result.check_errors;
    return EndsWith(kEfbig);
  }
  run.result.total_clusters =
      DivRoundUp(run.header.virtual_size(), run.cluster_size());
  CheckRoom room;
  room.batch = TRY(TableBatch::Create(arena, *run.file, run.cluster_size()));
  room.chunk = TRY(arena.Allocate(TableWalk::kChunkBytes, 4096));
  // The last region may reach into a cluster behind the file.
  const uint64_t total = run.num_clusters + 1;
  room.counts =
      TRY(ReferenceCounts::Create(arena, total, run.header.refcount_order));
  const uint64_t window = room.counts.max_clusters();
  uint64_t highest = 0;
  for (uint64_t first = 0; first < total; first += window) {
    TRY(room.counts.SetWindow(run, room.batch, first,
                              Min(window, total - first)));
    TRY(CountReferences(run, room));
    TRY(CompareCounts(run, room, {}, highest));
    run.again = true;
  }
  if (run.suspicious) {
    if (window < total) {
      TRY(room.counts.KeepOnesOnly(run, room.batch, total));
    }
    TRY(CheckCopiedFlags(run, room));
  }
  run.result.image_end_offset = (highest + 1) << run.header.cluster_bits;
  return {};
}

Result<CheckResult> CheckQcow2(Arena& arena, File& file, Opener& /*opener*/,
                               ProblemVisitor& visitor) {
  BlockCache cache;
  CheckRun run;
  run.file = &file;
  run.visitor = &visitor;
  run.rules = visitor.rules();
  TRY(OpenForCheck(arena, run, cache));
  Status checked = CheckSnapshotTable(run);
  if (checked.ok()) {
    checked = CheckReferences(arena, run);
  }
  if (!checked.ok()) {
    if (checked.error().fault != Fault::kErrno) {
      return checked.error();
    }
    run.result.error = checked.error().error;
  }
  return run.result;
}

}  // namespace

extern const Checker kChecker;
constinit const Checker kChecker = {.name = ByteView{kName, sizeof kName},
                                    .check = &CheckQcow2};

}  // namespace instar::qcow2
