#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> AllSeeds() {
  constexpr std::vector<Seed> (*kFormats[])() = {
      &RawSeeds,   &Qcow2Seeds, &VmdkSeeds, &VpcSeeds,       &VdiSeeds,
      &VhdxSeeds,  &QcowSeeds,  &QedSeeds,  &ParallelsSeeds, &BochsSeeds,
      &CloopSeeds, &DmgSeeds,   &LuksSeeds,
  };
  std::vector<Seed> all;
  for (const auto format : kFormats) {
    for (Seed& seed : format()) {
      all.push_back(std::move(seed));
    }
  }
  return all;
}

}  // namespace instar::fakes
