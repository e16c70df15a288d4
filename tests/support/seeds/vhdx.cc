#include "tests/support/seeds/seeds.h"
#include "tests/support/vhdx_seed.h"

namespace instar::fakes {

// What follows the signature begins at 64 KiB, so that the changes at the
// seed's start say little; lib/format/vhdx/damage_test.cc makes them where the
// records are.
std::vector<Seed> VhdxSeeds() {
  constexpr uint64_t kSignatureBytes = 16;
  std::vector<Seed> seeds;
  VhdxSeed plain;
  seeds.push_back({"vhdx", "vhdx", plain.bytes(), kSignatureBytes});
  VhdxSeed logged(true);
  logged.SetBatEntry(1, vhdx::kPayloadZero);
  seeds.push_back({"vhdx_log", "vhdx", logged.bytes(), kSignatureBytes});
  return seeds;
}

}  // namespace instar::fakes
