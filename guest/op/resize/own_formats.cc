#include "guest/op/resize/own_formats.h"

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

}  // namespace

bool GrowsByOwnMeans(ByteView format) {
  return format.Equals(ByteView::Of("vdi")) ||
         format.Equals(ByteView::Of("vhdx")) ||
         format.Equals(ByteView::Of("vmdk")) ||
         format.Equals(ByteView::Of("vpc"));
}

Status GrowOwnFormat(Context& context, const Image& image, uint64_t wanted,
                     bool preallocates) {
  if (preallocates) {
    return Error{.fault = Fault::kResizeOwnPreallocation};
  }
  if (wanted < image.virtual_size()) {
    return Error{.fault = Fault::kResizeOwnShrinks, .value = wanted};
  }
  const uint64_t bytes = TRY(CheckedAlignUp(wanted, kSectorBytes));
  return bytes == image.virtual_size() ? Status() : Grow(context, image, bytes);
}

}  // namespace instar::guest
