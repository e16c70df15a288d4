#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> ParallelsSeeds() {
  return {};
}

}  // namespace instar::fakes
