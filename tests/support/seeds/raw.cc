#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<Seed> RawSeeds() {
  return {{"raw", "raw", std::vector<uint8_t>(5000, 1), 64}};
}

}  // namespace instar::fakes
