#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> VhdxSeeds() {
  return {};
}

}  // namespace instar::fakes
