#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> QedSeeds() {
  return {};
}

}  // namespace instar::fakes
