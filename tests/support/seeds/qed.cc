#include "lib/format/qed/layout.h"
#include "tests/support/seeds/builder.h"
#include "tests/support/seeds/seeds.h"

namespace instar::fakes {
namespace {

using L = qed::HeaderLayout;

constexpr uint64_t kCluster = 4096;
constexpr uint64_t kL1 = kCluster;
constexpr uint64_t kL2 = 3 * kCluster;

// Two clusters in a row, one of zeroes, a hole, one cluster.
SeedBuilder Plain() {
  SeedBuilder seed(9 * kCluster);
  seed.Put<L::kMagic>(0, qed::kMagic);
  seed.Put<L::kClusterSize>(0, kCluster);
  seed.Put<L::kTableSize>(0, 2);
  seed.Put<L::kHeaderSize>(0, 1);
  seed.Put<L::kL1TableOffset>(0, kL1);
  seed.Put<L::kImageSize>(0, 40 * kCluster);
  seed.Put<Le64{0}>(kL1, kL2);
  seed.Put<Le64{0}>(kL2, 5 * kCluster);
  seed.Put<Le64{0}>(kL2 + 8, 6 * kCluster);
  seed.Put<Le64{0}>(kL2 + 16, qed::kZeroCluster);
  seed.Put<Le64{0}>(kL2 + 32, 8 * kCluster);
  return seed;
}

}  // namespace

std::vector<Seed> QedSeeds() {
  std::vector<Seed> seeds;
  seeds.push_back({"qed", "qed", Plain().bytes(), kCluster + 64});
  SeedBuilder backed = Plain();
  backed.Put<L::kFeatures>(
      0, qed::kBackingFile | qed::kNeedCheck | qed::kBackingFormatNoProbe);
  backed.Put<L::kBackingFileOffset>(0, 64);
  backed.Put<L::kBackingFileSize>(0, 4);
  backed.PutText(64, "base");
  seeds.push_back({"qed_backed", "qed", backed.bytes(), 96});
  return seeds;
}

}  // namespace instar::fakes
