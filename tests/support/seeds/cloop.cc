#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> CloopSeeds() {
  return {};
}

}  // namespace instar::fakes
