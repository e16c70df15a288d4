// EXPECT: broke-rule "too many requests outstanding"
// Completions consumed that never were.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  RingOf(0).consumed = 5;
  RingDoorbell(0, abi::kDoorbellSleep, 0);
}

}  // namespace instar::hostile
