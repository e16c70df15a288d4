// `bitmap`: actions on one persistent bitmap of an image. Also the part of
// `convert --bitmaps` that is about bitmaps.
#include "guest/op/bitmap/copy.h"
#include "guest/op/bitmap/edited_image.h"
#include "guest/rt/chain.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "lib/base/checked.h"

namespace instar::guest {
namespace {

// What actions do to one bitmap.
class Actions {
 public:
  // `source`: image of the bitmaps that are merged; null: it has none.
  Actions(const instar_proto_BitmapConfig& config, EditedImage& image,
          BitmapStore* source)
      : config_(config),
        name_(ViewOf(config.name)),
        image_(image),
        source_(source) {}

  // False after a report.
  bool Run() {
    for (uint64_t i = 0; i < config_.actions.size; ++i) {
      const Status done = Apply(config_.actions.bytes[i]);
      if (!done.ok()) {
        ReportFailure(done.error(), {.stage = instar_proto_Stage_STAGE_BITMAP,
                                     .slot = image_.slot(),
                                     .position = i});
        return false;
      }
    }
    return true;
  }

 private:
  Status Apply(uint64_t action) {
    if (image_.store() == nullptr) {
      return WithoutStore(action);
    }
    BitmapStore& store = *image_.store();
    switch (action) {
      case instar_proto_BitmapAction_BITMAP_ACTION_ADD:
        return store.Add(name_, config_.granularity);
      case instar_proto_BitmapAction_BITMAP_ACTION_REMOVE:
        return store.Remove(name_);
      case instar_proto_BitmapAction_BITMAP_ACTION_CLEAR:
        return store.Clear(name_);
      case instar_proto_BitmapAction_BITMAP_ACTION_ENABLE:
        return store.SetRecording(name_, true);
      case instar_proto_BitmapAction_BITMAP_ACTION_DISABLE:
        return store.SetRecording(name_, false);
      case instar_proto_BitmapAction_BITMAP_ACTION_REMOVE_ALL:
        return RemoveAll(store);
      default:
        return Merge(store);
    }
  }

  static Status RemoveAll(BitmapStore& store) {
    for (uint64_t i = store.count(); i-- > 0;) {
      TRY(store.Remove(store.At(i).name));
    }
    return {};
  }

  Status Merge(BitmapStore& store) {
    INSTAR_CHECK(next_merged_ < config_.merged_count);
    const ByteView merged = ViewOf(config_.merged[next_merged_++]);
    if (source_ == nullptr) {
      return Error{.fault = Fault::kBitmapMissing,
                   .text = merged.data(),
                   .text_bytes = static_cast<uint32_t>(merged.size())};
    }
    return store.Merge(name_, *source_, merged);
  }

  // Of a format without bitmaps.
  Status WithoutStore(uint64_t action) const {
    Error error = {.fault = Fault::kBitmapMissing,
                   .text = name_.data(),
                   .text_bytes = static_cast<uint32_t>(name_.size())};
    if (action == instar_proto_BitmapAction_BITMAP_ACTION_REMOVE_ALL) {
      return {};
    }
    if (action != instar_proto_BitmapAction_BITMAP_ACTION_ADD) {
      return error;
    }
    const uint64_t granularity = config_.granularity;
    const bool is_wrong =
        granularity != 0 && (granularity < 512 || !IsPowerOfTwo(granularity));
    error.fault = name_.empty() ? Fault::kBitmapNoName
                  : is_wrong    ? Fault::kBitmapGranularity
                                : Fault::kBitmapUnsupported;
    return error;
  }

  const instar_proto_BitmapConfig& config_;
  ByteView name_;
  EditedImage& image_;
  BitmapStore* source_;
  uint64_t next_merged_ = 0;
};

bool RunActions(Context& context, EditedImage& image) {
  const instar_proto_BitmapConfig& config = context.config->operation.bitmap;
  BitmapStore* source = image.store();
  if (config.has_source) {
    const Image* other = OpenSourceAlone(context, config.source);
    if (other == nullptr || !OpenStore(context, *other, 0, source)) {
      return false;
    }
  }
  return Actions(config, image, source).Run();
}

}  // namespace

bool RunOperation(Context& context) {
  const instar_proto_BitmapConfig& config = context.config->operation.bitmap;
  BitmapStore* source = nullptr;
  if (config.copy != instar_proto_BitmapCopy_BITMAP_COPY_NONE) {
    const Image* image = OpenSource(context, config.source, Sharing::kNothing);
    if (image == nullptr || !OpenStore(context, *image, 0, source) ||
        !CheckCopy(config, *image, source)) {
      return false;
    }
  }
  if (config.copy == instar_proto_BitmapCopy_BITMAP_COPY_CHECK) {
    return true;
  }
  EditedImage image;
  const uint64_t room = source != nullptr ? source->count() : kMaxAdded;
  if (!image.Open(context, room)) {
    return false;
  }
  // qemu-img stores what there is also where it fails.
  const bool done = source != nullptr ? CopyAll(config, *source, image)
                                      : RunActions(context, image);
  return image.Close() && done;
}

}  // namespace instar::guest
