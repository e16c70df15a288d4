#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> BochsSeeds() {
  return {};
}

}  // namespace instar::fakes
