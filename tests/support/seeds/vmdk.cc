#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> VmdkSeeds() {
  return {};
}

}  // namespace instar::fakes
