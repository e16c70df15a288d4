#include "lib/format/qcow2/layout.h"
#include "tests/support/qcow2_seed.h"
#include "tests/support/seeds/seeds.h"

namespace instar::fakes {
namespace {

Qcow2Seed Plain(uint64_t cluster_bits, uint32_t version) {
  Qcow2Seed seed(cluster_bits, version);
  const uint64_t cluster = seed.cluster_size();
  seed.PutL2Entry(0, qcow2::kEntryCopied | 8 * cluster);
  seed.PutL2Entry(2, qcow2::kEntryCompressed | 9 * cluster);
  if (version >= 3) {
    seed.PutL2Entry(1, qcow2::kEntryZero);
  }
  seed.AddSnapshot("1", "snapshot");
  return seed;
}

}  // namespace

std::vector<Seed> Qcow2Seeds() {
  std::vector<Seed> seeds;
  Qcow2Seed old = Plain(9, 2);
  seeds.push_back({"qcow2_v2", "qcow2", old.bytes(), 8 * old.cluster_size()});
  Qcow2Seed full = Plain(9, 3);
  full.AddExtension(qcow2::kExtensionBackingFormat, {'r', 'a', 'w'});
  full.AddBitmap("bitmap", 0);
  full.AddExtension(qcow2::kExtensionFeatureNames,
                    std::vector<uint8_t>(96, 'f'));
  full.SetBackingFile("base");
  seeds.push_back({"qcow2_v3", "qcow2", full.bytes(), 8 * full.cluster_size()});
  Qcow2Seed extended(14, 3);
  extended.Put(72, qcow2::kIncompatibleExtendedL2, 8);
  extended.PutExtendedL2Entry(0, qcow2::kEntryCopied | (8 << 14),
                              uint64_t{0xf0} << 32 | 0xf);
  seeds.push_back({"qcow2_extended", "qcow2", extended.bytes(), 128});
  return seeds;
}

}  // namespace instar::fakes
