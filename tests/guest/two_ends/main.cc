// EXPECT: broke-rule "request after the end"
// Two ends.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Submit(0, {.call = abi::Call::kDone});
  Submit(0, {.call = abi::Call::kDone});
  RingDoorbell(0, abi::kDoorbellSleep, 0);
}

}  // namespace instar::hostile
