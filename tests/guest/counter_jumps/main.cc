// EXPECT: broke-rule "submission counter out of range"
// A submission counter that never grew so far.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  RingOf(0).submitted = 0x8000'0000;
  RingDoorbell(0, abi::kDoorbellSleep, 0);
}

}  // namespace instar::hostile
