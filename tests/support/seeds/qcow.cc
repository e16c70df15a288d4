#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> QcowSeeds() {
  return {};
}

}  // namespace instar::fakes
