// EXPECT: broke-rule "sleep without end"
// Sleep with nothing to wait for.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  RingDoorbell(0, abi::kDoorbellSleep, RingOf(0).event);
  Done();
}

}  // namespace instar::hostile
