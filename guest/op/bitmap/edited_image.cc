#include "guest/op/bitmap/edited_image.h"

#include "guest/rt/changed_image.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"

namespace instar::guest {
namespace {

bool Failed(const Error& error, const File& file,
            instar_proto_Stage stage = instar_proto_Stage_STAGE_OPEN) {
  ReportFailure(error, {.stage = stage, .slot = file.slot()});
  return false;
}

}  // namespace

bool OpenStore(Context& context, const Image& image, uint64_t room,
               BitmapStore*& store) {
  store = nullptr;
  if (image.facts().qcow2 == nullptr) {
    return true;
  }
  const Result<BitmapStore*> opened =
      OpenQcow2Bitmaps(context.arena, image.file(), room);
  if (!opened.ok()) {
    return Failed(opened.error(), image.file());
  }
  store = opened.value();
  return true;
}

bool EditedImage::Open(Context& context, uint64_t room) {
  const instar_proto_BitmapConfig& config = context.config->operation.bitmap;
  image_ = OpenChangedAlone(context, config.image, config.image_is_open);
  if (image_ == nullptr) {
    return false;
  }
  if (config.copy == instar_proto_BitmapCopy_BITMAP_COPY_NONE) {
    ReportImage(*image_);
  }
  if (!OpenStore(context, *image_, room, store_)) {
    return false;
  }
  const Status begun =
      store_ == nullptr ? Status() : store_->Begin(config.behind_data);
  return begun.ok() || Failed(begun.error(), image_->file());
}

bool EditedImage::Close() {
  if (store_ == nullptr) {
    return true;
  }
  const Status stored = store_->Store();
  const Status flushed = stored.ok() ? image_->file().Flush() : stored;
  return flushed.ok() || Failed(flushed.error(), image_->file(),
                                instar_proto_Stage_STAGE_FINISH);
}

}  // namespace instar::guest
