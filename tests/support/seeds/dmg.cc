#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> DmgSeeds() {
  return {};
}

}  // namespace instar::fakes
