#include "lib/format/qcow/layout.h"
#include "tests/support/seeds/builder.h"
#include "tests/support/seeds/seeds.h"

namespace instar::fakes {
namespace {

using L = qcow::HeaderLayout;

constexpr uint64_t kCluster = 512;
constexpr uint64_t kL1 = 48;
constexpr uint64_t kL2 = 512;

// Three clusters in a row, a hole, a packed one.
SeedBuilder Plain() {
  SeedBuilder seed(8 * kCluster);
  seed.Put<L::kMagic>(0, qcow::kMagic);
  seed.Put<L::kVersion>(0, qcow::kVersion);
  seed.Put<L::kVirtualSize>(0, 80 * kCluster);
  seed.Put<L::kClusterBits>(0, 9);
  seed.Put<L::kL2Bits>(0, 6);
  seed.Put<L::kL1TableOffset>(0, kL1);
  seed.Put<Be64{0}>(kL1, kL2);
  for (uint64_t i = 0; i < 3; ++i) {
    seed.Put<Be64{0}>(kL2 + i * 8, (2 + i) * kCluster);
  }
  const uint64_t packed = 6 * kCluster;
  seed.Put<Be64{0}>(kL2 + 4 * 8,
                    qcow::kEntryCompressed | uint64_t{20} << 54 | packed);
  return seed;
}

}  // namespace

std::vector<Seed> QcowSeeds() {
  std::vector<Seed> seeds;
  seeds.push_back({"qcow", "qcow", Plain().bytes(), 2 * kCluster});
  SeedBuilder backed = Plain();
  backed.Put<L::kBackingFileOffset>(0, 64);
  backed.Put<L::kBackingFileSize>(0, 4);
  backed.PutText(64, "base");
  seeds.push_back({"qcow_backed", "qcow", backed.bytes(), 128});
  return seeds;
}

}  // namespace instar::fakes
