// `commit`: an overlay into an image below it.
#include "guest/op/commit/commit_base.h"
#include "guest/op/commit/commit_plan.h"
#include "guest/rt/chain.h"
#include "guest/rt/changed_image.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "lib/base/checked.h"
#include "lib/format/layering.h"

namespace instar::guest {
namespace {

bool Failed(const Error& error, const Image& image,
            instar_proto_Stage stage = instar_proto_Stage_STAGE_COMMIT) {
  ReportFailure(error, {.stage = stage, .slot = image.file().slot()});
  return false;
}

bool Move(Context& context, Image& top, CommitBase& base) {
  const instar_proto_CommitConfig& config = context.config->operation.commit;
  const uint64_t max_cluster_bytes = MaxClusterBytes(top);
  Unpacking unpacking(context.arena, max_cluster_bytes,
                      config.num_workers == 0 ? 1 : config.num_workers);
  LongCluster long_cluster(context.arena, unpacking, max_cluster_bytes);
  CommitPlan plan(top, base.image());
  constexpr instar_proto_Stage kStage = instar_proto_Stage_STAGE_COMMIT;
  const Result<LayerMove*> move =
      LayerMove::Create(context, plan, base.target(), unpacking, long_cluster,
                        {.sides = {&top, nullptr},
                         .total_bytes = top.virtual_size(),
                         .may_unmap = true,
                         .plan_stage = kStage,
                         .read_stages = {kStage, kStage},
                         .write_stage = kStage});
  if (!move.ok()) {
    return Failed(move.error(), top);
  }
  base.WritesAfter(*move.value());
  return move.value()->Run() && base.Finish();
}

// The overlay's own data file, which the host knows beforehand; null: none.
Result<File*> DataFileOf(Context& context, const Image& top) {
  if (top.facts().data_file == nullptr) {
    return static_cast<File*>(nullptr);
  }
  HostOpener opener(context.arena);
  return opener.OpenOutput(instar_proto_Role_ROLE_TARGET_DATA);
}

bool MakeEmpty(Context& context, Image& top) {
  const Layering* layering = FindLayering(top.facts().format);
  if (layering == nullptr || layering->make_empty == nullptr) {
    return true;
  }
  constexpr instar_proto_Stage kStage = instar_proto_Stage_STAGE_COMMIT_EMPTY;
  const Result<File*> data_file = DataFileOf(context, top);
  if (!data_file.ok()) {
    return Failed(data_file.error(), top, kStage);
  }
  const Status done =
      layering->make_empty(context.arena, top.file(), data_file.value());
  return done.ok() || Failed(done.error(), top, kStage);
}

// Whether the overlay may be changed, before anything else is.
bool CheckTop(Context& context, Image& top) {
  const Layering* layering = FindLayering(top.facts().format);
  if (layering == nullptr || layering->check == nullptr) {
    return true;
  }
  const uint64_t mark = context.arena.Mark();
  const Status checked = layering->check(context.arena, top.file());
  context.arena.Rewind(mark);
  return checked.ok() ||
         Failed(checked.error(), top, instar_proto_Stage_STAGE_OPEN);
}

}  // namespace

bool RunOperation(Context& context) {
  const instar_proto_CommitConfig& config = context.config->operation.commit;
  Image* top = OpenChanged(context, config.image);
  if (top == nullptr || !CheckTop(context, *top)) {
    return false;
  }
  ReportImage(*top);
  CommitBase base(context);
  if (!base.Open(*top) || !Move(context, *top, base)) {
    return false;
  }
  return config.keeps_top || MakeEmpty(context, *top);
}

}  // namespace instar::guest
