#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> VpcSeeds() {
  return {};
}

}  // namespace instar::fakes
