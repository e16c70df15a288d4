// `create`: an empty image. Where the user named a backing file it is opened
// first, for its size and format; the host sees the plan before any file is
// made.
#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "guest/rt/slot_file.h"
#include "lib/format/chain.h"
#include "lib/format/writers.h"

namespace instar::guest {
namespace {

// Opens the backing chain; the result is its top, or null after a report.
const Image* OpenBacking(Context& context, const instar_proto_Source& source) {
  const Result<File*> file = SlotFile::AtBoot(context.arena, source.slot);
  INSTAR_CHECK(file.ok());
  HostOpener opener(context.arena);
  ChainFailure failure;
  OpenOptions options = OpenOptionsOf(context);
  options.info_only = true;
  const Result<Image*> image =
      OpenChain(context.arena, *file.value(), ViewOf(source.format),
                ViewOf(source.filename), opener, options, failure);
  if (!image.ok()) {
    ReportFailure(image.error(), {.slot = failure.file->slot()});
    return nullptr;
  }
  return image.value();
}

}  // namespace

bool RunOperation(Context& context) {
  const instar_proto_CreateConfig& config = context.config->operation.create;
  CreateOptions options = CreateOptionsOf(config.target);
  ByteView detected_format;
  if (config.open_backing) {
    const Image* backing = OpenBacking(context, config.backing);
    if (backing == nullptr) {
      return false;
    }
    detected_format = backing->facts().format;
    if (!config.has_size) {
      options.size = backing->virtual_size();
    }
  }
  ReportPlan(options.size, detected_format);
  const Writer* writer = FindWriter(ViewOf(config.target.format));
  if (writer == nullptr) {
    ReportFailure({.fault = Fault::kNoCreateSupport},
                  {.stage = instar_proto_Stage_STAGE_CREATE});
    return false;
  }
  HostOpener opener(context.arena);
  TargetFiles files;
  if (!CreateOutput(context, *writer, options, opener, files)) {
    return false;
  }
  auto& file = static_cast<SlotFile&>(*files.file);
  const Status finished = file.Release();
  if (!finished.ok()) {
    ReportFailure(finished.error(), {.stage = instar_proto_Stage_STAGE_CREATE,
                                     .slot = file.slot()});
  }
  return finished.ok();
}

}  // namespace instar::guest
