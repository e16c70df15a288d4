// EXPECT: stalled
// No progress on another vCPU while the first one sleeps.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t vcpu) {
  if (vcpu == 0) {
    Call(0, {.call = abi::Call::kStart, .offset = 1});
    RingDoorbell(0, abi::kDoorbellSleep, RingOf(0).event);
  }
  for (;;) {
    asm volatile("pause");
  }
}

}  // namespace instar::hostile
