// EXPECT: done
// Overwrites what the host writes.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  // The host must not believe its own counters once they were in our reach.
  RingOf(0).completed = 0xffff'ff00;
  RingOf(0).event = 77;
  Submit(0, {.call = abi::Call::kProgress});
  RingDoorbell(0, abi::kDoorbellSleep, 0);
  while (RingOf(0).completed != 1) {
  }
  RingOf(0).consumed = 1;
  Done();
}

}  // namespace instar::hostile
