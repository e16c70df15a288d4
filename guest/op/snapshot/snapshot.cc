// `snapshot`: lists the internal snapshots of an image, makes one, goes back to
// one or removes one.
#include "guest/rt/chain.h"
#include "guest/rt/changed_image.h"
#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "lib/format/snapshot_edit.h"

namespace instar::guest {
namespace {

bool List(Context& context) {
  const instar_proto_SnapshotConfig& config =
      context.config->operation.snapshot;
  Image* image = OpenSource(context, config.image, Sharing::kFormatsOnly);
  if (image == nullptr) {
    return false;
  }
  ReportImage(*image);
  const Status listed = ReportLists(*image);
  if (!listed.ok()) {
    ReportFailure(listed.error(), {.slot = image->file().slot()});
  }
  return listed.ok();
}

// What there is to say of a format without snapshots.
Error NoSnapshots(const Image& image) {
  const ByteView format = image.facts().format;
  return {.fault = Fault::kSnapshotUnsupported,
          .text = format.data(),
          .text_bytes = static_cast<uint32_t>(format.size())};
}

Status Act(SnapshotEdit& edit, const instar_proto_SnapshotConfig& config) {
  const ByteView name = ViewOf(config.name);
  switch (config.action) {
    case instar_proto_SnapshotAction_SNAPSHOT_ACTION_CREATE:
      return edit.Create(name, config.date_sec, config.date_nsec);
    case instar_proto_SnapshotAction_SNAPSHOT_ACTION_APPLY:
      return edit.Apply(name);
    case instar_proto_SnapshotAction_SNAPSHOT_ACTION_DELETE:
      return edit.Delete(name);
    case instar_proto_SnapshotAction_SNAPSHOT_ACTION_LIST:
    case instar_proto_SnapshotAction_SNAPSHOT_ACTION_NONE:
      break;
  }
  return {};
}

bool Change(Context& context) {
  const instar_proto_SnapshotConfig& config =
      context.config->operation.snapshot;
  Image* image = OpenChanged(context, config.image);
  if (image == nullptr) {
    return false;
  }
  ReportImage(*image);
  if (config.action == instar_proto_SnapshotAction_SNAPSHOT_ACTION_NONE) {
    return true;
  }
  const uint32_t slot = image->file().slot();
  const FailurePlace place = {.stage = instar_proto_Stage_STAGE_SNAPSHOT_EDIT,
                              .slot = slot};
  if (image->facts().qcow2 == nullptr) {
    ReportFailure(NoSnapshots(*image), place);
    return false;
  }
  const Result<SnapshotEdit*> edit =
      OpenQcow2Snapshots(context.arena, image->file());
  if (!edit.ok()) {
    ReportFailure(edit.error(), {.slot = slot});
    return false;
  }
  const Status done = Act(*edit.value(), config);
  if (!done.ok()) {
    ReportFailure(done.error(), place);
  }
  return done.ok();
}

}  // namespace

bool RunOperation(Context& context) {
  const instar_proto_SnapshotAction action =
      context.config->operation.snapshot.action;
  return action == instar_proto_SnapshotAction_SNAPSHOT_ACTION_LIST
             ? List(context)
             : Change(context);
}

}  // namespace instar::guest
