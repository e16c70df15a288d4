#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> VdiSeeds() {
  return {};
}

}  // namespace instar::fakes
