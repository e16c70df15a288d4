#include "guest/op/bitmap/copy.h"

#include "guest/rt/findings.h"

namespace instar::guest {
namespace {

// Failure.position.
constexpr uint64_t kCreating = 0;
constexpr uint64_t kFilling = 1;

Error Named(Error error, ByteView name) {
  error.text = name.data();
  error.text_bytes = static_cast<uint32_t>(name.size());
  return error;
}

bool Failed(const Error& error, uint32_t slot, uint64_t position) {
  ReportFailure(error, {.stage = instar_proto_Stage_STAGE_BITMAP_COPY,
                        .slot = slot,
                        .position = position});
  return false;
}

bool CopyOne(const instar_proto_BitmapConfig& config, BitmapStore& source,
             const BitmapFacts& facts, EditedImage& target) {
  BitmapStore& store = *target.store();
  const Status added = store.Add(facts.name, facts.granularity);
  if (!added.ok()) {
    return Failed(Named(added.error(), facts.name), target.slot(), kCreating);
  }
  const Status filled = store.Merge(facts.name, source, facts.name);
  if (!filled.ok()) {
    const Status removed = config.keep_unfilled
                               ? store.SetRecording(facts.name, false)
                               : store.Remove(facts.name);
    const Error& error = removed.ok() ? filled.error() : removed.error();
    return Failed(Named(error, facts.name), target.slot(), kFilling);
  }
  const Status set = store.SetRecording(facts.name, facts.automatic);
  return set.ok() ||
         Failed(Named(set.error(), facts.name), target.slot(), kFilling);
}

}  // namespace

bool CheckCopy(const instar_proto_BitmapConfig& config, const Image& image,
               const BitmapStore* source) {
  const uint32_t slot = image.file().slot();
  if (source == nullptr || !source->supported()) {
    return Failed({.fault = Fault::kBitmapCopyUnsupported}, slot, kCreating);
  }
  // Before 6.1 they were met one by one.
  if (config.skip_broken || config.keep_unfilled) {
    return true;
  }
  // qemu-img meets the last one first.
  for (uint64_t i = source->count(); i-- > 0;) {
    const BitmapFacts facts = source->At(i);
    if (facts.in_use) {
      return Failed(
          Named({.fault = Fault::kBitmapCopyInconsistent}, facts.name), slot,
          kCreating);
    }
  }
  return true;
}

bool CopyAll(const instar_proto_BitmapConfig& config, BitmapStore& source,
             EditedImage& target) {
  if (target.store() == nullptr) {
    return Failed({.fault = Fault::kBitmapOldVersion}, target.slot(),
                  kCreating);
  }
  for (uint64_t i = source.count(); i-- > 0;) {
    const BitmapFacts facts = source.At(i);
    if (facts.in_use && config.skip_broken) {
      ReportWarning(Named({.fault = Fault::kBitmapCopySkipped}, facts.name));
      continue;
    }
    if (!CopyOne(config, source, facts, target)) {
      return false;
    }
  }
  return true;
}

}  // namespace instar::guest
