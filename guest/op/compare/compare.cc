// `compare`: whether two images, each with all that lies below it, hold the
// same.
#include "guest/op/compare/comparison.h"
#include "guest/rt/chain.h"
#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "lib/base/checked.h"

namespace instar::guest {

bool RunOperation(Context& context) {
  const instar_proto_CompareConfig& config = context.config->operation.compare;
  Image* a = OpenSource(context, config.a, Sharing::kFormatsOnly);
  if (a == nullptr || !config.has_b) {
    return a != nullptr;
  }
  Image* b = OpenSource(context, config.b, Sharing::kFormatsOnly);
  if (b == nullptr) {
    return false;
  }
  const uint64_t max_cluster_bytes =
      Max(MaxClusterBytes(*a), MaxClusterBytes(*b));
  Unpacking unpacking(context.arena, max_cluster_bytes,
                      config.num_workers == 0 ? 1 : config.num_workers);
  LongCluster long_clusters[] = {
      LongCluster(context.arena, unpacking, MaxClusterBytes(*a)),
      LongCluster(context.arena, unpacking, MaxClusterBytes(*b))};
  const Result<Comparison*> comparison = Comparison::Create(
      context, *a, *b, unpacking, long_clusters, max_cluster_bytes);
  if (!comparison.ok()) {
    ReportFailure(comparison.error(), {.slot = a->file().slot()});
    return false;
  }
  return comparison.value()->Run();
}

}  // namespace instar::guest
