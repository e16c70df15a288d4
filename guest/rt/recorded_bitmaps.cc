#include "guest/rt/recorded_bitmaps.h"

#include "lib/codec/unpacker.h"

namespace instar::guest {
namespace {

// 1 MiB; more runs are kept less exactly.
constexpr uint64_t kMaxRuns = 64 << 10;

}  // namespace

Status RecordedBitmaps::Begin(Context& context, Image& image,
                              TargetFiles& files) {
  if (image.facts().qcow2 == nullptr) {
    return {};
  }
  BitmapStore* store = TRY(OpenQcow2Bitmaps(context.arena, image.file(), 0));
  if (store->count() == 0) {
    return {};
  }
  store_ = store;
  files.keeps_bitmaps = true;
  TRY(store_->Begin(false));
  return runs_.Init(context.arena, kMaxRuns);
}

Result<Target*> RecordedBitmaps::Open(Context& context, const Writer& writer,
                                      Image* image, TargetFiles& files,
                                      Image* backing) {
  if (image != nullptr) {
    TRY(Begin(context, *image, files));
  }
  Target* target =
      TRY(writer.open(context.arena, files, backing, &codec::Unpacker::Create));
  if (store_ == nullptr) {
    return target;
  }
  return static_cast<Target*>(
      TRY(context.arena.New<RecordingTarget>(*target, runs_)));
}

Status RecordedBitmaps::End() {
  if (store_ == nullptr) {
    return {};
  }
  TRY(store_->RecordWrites(runs_));
  return store_->Store();
}

}  // namespace instar::guest
