// `resize` of formats that qemu-img gives no other size: they can grow.
#include "guest/rt/changed_image.h"
#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "guest/rt/resizing.h"
#include "guest/rt/slot_file.h"
#include "lib/base/checked.h"
#include "lib/format/resize.h"

namespace instar::guest {
namespace {

constexpr uint64_t kSectorBytes = 512;

// `bytes`: whole sectors, more than the image has.
Status Grow(Context& context, const Image& image, uint64_t bytes) {
  const ByteView format = image.facts().format;
  File& file = image.file();
  if (format.Equals(ByteView::Of("vdi"))) {
    return GrowVdi(context.arena, file, bytes);
  }
  if (format.Equals(ByteView::Of("vhdx"))) {
    return GrowVhdx(context.arena, file, bytes);
  }
  if (format.Equals(ByteView::Of("vmdk"))) {
    HostOpener opener(context.arena);
    return GrowVmdk(context.arena, file, opener, bytes);
  }
  if (format.Equals(ByteView::Of("vpc"))) {
    return GrowVpc(context.arena, file,
                   context.config->vpc_size_prefers_geometry, bytes);
  }
  return Error{.fault = Fault::kResizeUnsupported};
}

Status Resize(Context& context, const Image& image) {
  const instar_proto_ResizeConfig& config = context.config->operation.resize;
  const uint64_t wanted = TRY(WantedBytes(config, image.virtual_size()));
  if (config.preallocation != instar_proto_Preallocation_PREALLOCATION_OFF) {
    return Error{.fault = Fault::kResizeOwnPreallocation};
  }
  if (wanted < image.virtual_size()) {
    return Error{.fault = Fault::kResizeOwnShrinks, .value = wanted};
  }
  const uint64_t bytes = TRY(CheckedAlignUp(wanted, kSectorBytes));
  return bytes == image.virtual_size() ? Status() : Grow(context, image, bytes);
}

}  // namespace

bool RunOperation(Context& context) {
  const instar_proto_ResizeConfig& config = context.config->operation.resize;
  const Image* image = OpenChanged(context, config.image);
  if (image == nullptr) {
    return false;
  }
  const Status done = Resize(context, *image);
  if (!done.ok()) {
    ReportFailure(done.error(), {.stage = instar_proto_Stage_STAGE_RESIZE,
                                 .slot = image->file().slot()});
  }
  return done.ok();
}

}  // namespace instar::guest
