#include "guest/rt/claims.h"

#include "guest/rt/slot_file.h"

namespace instar::guest {
namespace {

class ExtentClaimer final : public FactsVisitor {
 public:
  ExtentClaimer(uint32_t image_flags, uint32_t flat_flags)
      : image_flags_(image_flags), flat_flags_(flat_flags) {}

  Status OnSnapshot(const SnapshotFacts& /*snapshot*/) override { return {}; }
  Status OnBitmap(const BitmapFacts& /*bitmap*/) override { return {}; }
  Status OnExtent(const VmdkExtentFacts& extent) override {
    const bool flat = extent.cluster_size == 0;
    return Claim(*extent.file, flat ? flat_flags_ : image_flags_);
  }

 private:
  uint32_t image_flags_;
  uint32_t flat_flags_;
};

}  // namespace

Status ClaimImage(Image& image, uint32_t image_flags, uint32_t flat_flags) {
  TRY(Claim(image.file(), image_flags));
  if (image.facts().vmdk == nullptr) {
    return {};
  }
  ExtentClaimer claimer(image_flags, flat_flags);
  return image.List(claimer);
}

}  // namespace instar::guest
