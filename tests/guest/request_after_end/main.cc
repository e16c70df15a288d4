// EXPECT: broke-rule "request after the end"
// A request behind the end.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Submit(0, {.call = abi::Call::kDone});
  Submit(0, {.call = abi::Call::kProgress});
  RingDoorbell(0, abi::kDoorbellSleep, 0);
}

}  // namespace instar::hostile
