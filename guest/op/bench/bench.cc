// `bench`: requests to an image, which the host times.
#include "guest/op/bench/load.h"
#include "guest/rt/chain.h"
#include "guest/rt/changed_image.h"
#include "guest/rt/changed_target.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "guest/rt/pending_writes.h"

namespace instar::guest {

bool RunOperation(Context& context) {
  const instar_proto_BenchConfig& config = context.config->operation.bench;
  ChangedTarget written(context.arena);
  Image* image = config.writes
                     ? OpenChanged(context, config.image)
                     : OpenSource(context, config.image, Sharing::kFormatsOnly);
  if (image == nullptr) {
    return false;
  }
  ReportImage(*image);
  FlushFindings();
  written.files.has_old_data = true;
  if (config.writes &&
      !OpenChangedTarget(context, *image, ViewOf(config.random), written)) {
    return false;
  }
  const uint64_t max_cluster_bytes = MaxClusterBytes(*image);
  Unpacking unpacking(context.arena, max_cluster_bytes, 1);
  LongCluster long_cluster(context.arena, unpacking, max_cluster_bytes);
  const Result<Load*> load =
      Load::Create(context, *image, config.writes ? &written : nullptr,
                   unpacking, long_cluster);
  if (!load.ok()) {
    ReportFailure(load.error(), {.slot = image->file().slot()});
    return false;
  }
  if (!config.writes) {
    return load.value()->Run();
  }
  WriteBefore(written.files, image->facts().qcow2 != nullptr, load.value());
  const bool done = load.value()->Run();
  // What failed to be written must not be referred to.
  const bool finishes = done || load.value()->AwaitWrites().ok();
  return finishes && FinishChangedTarget(written) && done;
}

}  // namespace instar::guest
