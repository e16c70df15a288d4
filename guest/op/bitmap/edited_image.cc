#include "guest/op/bitmap/edited_image.h"

#include "guest/rt/claims.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "lib/format/chain.h"

namespace instar::guest {
namespace {

constexpr uint32_t kClaimFormatTarget =
    abi::kClaimRead | abi::kClaimWrite | abi::kClaimResize |
    abi::kClaimUnshareWrite | abi::kClaimUnshareResize;
constexpr uint32_t kClaimRawTarget = abi::kClaimRead | abi::kClaimWrite;
constexpr uint32_t kClaimBelow =
    abi::kClaimRead | abi::kClaimUnshareWrite | abi::kClaimUnshareResize;

bool Failed(const Error& error, const File& file,
            instar_proto_Stage stage = instar_proto_Stage_STAGE_OPEN) {
  ReportFailure(error, {.stage = stage, .slot = file.slot()});
  return false;
}

bool ClaimChain(Image* top) {
  uint32_t depth = 0;
  for (Image* layer = top; layer != nullptr && depth <= kMaxChainDepth;
       layer = layer->backing(), ++depth) {
    const bool is_raw = layer->facts().format.Equals(ByteView::Of("raw"));
    const uint32_t on_top = is_raw ? kClaimRawTarget : kClaimFormatTarget;
    const uint32_t flags = layer == top ? on_top : kClaimBelow;
    const Status claimed = ClaimImage(*layer, flags, flags);
    if (!claimed.ok()) {
      return Failed(claimed.error(), layer->file());
    }
  }
  return true;
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
  HostOpener opener(context.arena);
  const Result<File*> file =
      config.image_is_open ? SlotFile::AtBoot(context.arena, config.image.slot)
                           : opener.OpenOutput(instar_proto_Role_ROLE_TARGET);
  if (!file.ok()) {
    ReportFailure(file.error(),
                  {.stage = instar_proto_Stage_STAGE_CREATE, .slot = 0});
    return false;
  }
  ChainFailure failure;
  const Result<Image*> image =
      OpenChain(context.arena, *file.value(), ViewOf(config.image.format),
                ViewOf(config.image.filename), opener,
                OpenOptionsOf(context, config.image), failure);
  if (!image.ok()) {
    return Failed(image.error(), *failure.file);
  }
  image_ = image.value();
  if (!ClaimChain(image_)) {
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
