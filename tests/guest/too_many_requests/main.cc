// EXPECT: broke-rule "too many requests outstanding"
// One more request than the ring holds answers for.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  for (uint32_t i = 0; i < abi::kRingEntries; ++i) {
    Submit(0, {.call = abi::Call::kProgress});
  }
  RingDoorbell(0, abi::kDoorbellSleep, RingOf(0).event);
  Submit(0, {.call = abi::Call::kProgress});
  RingDoorbell(0, abi::kDoorbellSleep, RingOf(0).event);
}

}  // namespace instar::hostile
