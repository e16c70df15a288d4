// EXPECT: broke-rule "unknown doorbell"
// A doorbell that does not exist.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  RingDoorbell(0, 77, 0);
  for (;;) {
  }
}

}  // namespace instar::hostile
