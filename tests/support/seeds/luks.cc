#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> LuksSeeds() {
  return {};
}

}  // namespace instar::fakes
