#include "lib/format/parallels/layout.h"
#include "lib/format/parallels/md5.h"
#include "tests/support/seeds/builder.h"
#include "tests/support/seeds/seeds.h"

namespace instar::fakes {
namespace {

using L = parallels::HeaderLayout;

constexpr uint64_t kSector = 512;
constexpr uint64_t kExtension = 5;  // sector

// Clusters of one sector: two in a row, a hole, one cluster.
SeedBuilder Plain(const char* magic) {
  SeedBuilder seed(6 * kSector);
  seed.PutText(0, magic);
  seed.Put<L::kVersion>(0, parallels::kVersion);
  seed.Put<L::kTracks>(0, 1);
  seed.Put<L::kBatEntries>(0, 4);
  seed.Put<L::kNumSectors>(0, 4);
  seed.Put<L::kDataOffset>(0, 1);
  seed.Put<Le32{0}>(L::kSize, 1);
  seed.Put<Le32{0}>(L::kSize + 4, 2);
  seed.Put<Le32{0}>(L::kSize + 12, 4);
  return seed;
}

// Adds an extension with one bitmap.
void AddExtension(SeedBuilder& seed) {
  using parallels::BitmapLayout;
  using parallels::ExtensionLayout;
  using parallels::FeatureLayout;
  const uint64_t start = kExtension * kSector;
  const uint64_t feature = start + ExtensionLayout::kSize;
  const uint64_t bitmap = feature + FeatureLayout::kSize;
  seed.Put<L::kExtensionOffset>(0, kExtension);
  seed.Put<ExtensionLayout::kMagic>(start, parallels::kExtensionMagic);
  seed.Put<FeatureLayout::kMagic>(feature, parallels::kDirtyBitmap);
  seed.Put<FeatureLayout::kDataSize>(feature, BitmapLayout::kSize + 8);
  seed.Put<BitmapLayout::kNumSectors>(bitmap, 4);
  seed.PutText(bitmap + BitmapLayout::kIdOffset, "0123456789abcdef");
  seed.Put<BitmapLayout::kGranularity>(bitmap, 1);
  seed.Put<BitmapLayout::kL1Entries>(bitmap, 1);
  parallels::Md5 md5;
  md5.Add(ByteView(seed.bytes().data() + feature,
                   kSector - ExtensionLayout::kSize));
  const auto digest = md5.Finish();
  seed.PutText(start + ExtensionLayout::kChecksumOffset,
               {digest.bytes, digest.bytes + sizeof digest.bytes});
}

}  // namespace

std::vector<Seed> ParallelsSeeds() {
  std::vector<Seed> seeds;
  seeds.push_back(
      {"parallels_old", "parallels", Plain(parallels::kMagicOld).bytes(), 96});
  SeedBuilder full = Plain(parallels::kMagicExtended);
  full.Put<L::kInUse>(0, parallels::kInUse);
  AddExtension(full);
  seeds.push_back({"parallels", "parallels", full.bytes(), 6 * kSector});
  return seeds;
}

}  // namespace instar::fakes
