// EXPECT: broke-rule "fault in the guest"
// A stack that grows into its guard page.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  volatile uint8_t* at = static_cast<uint8_t*>(__builtin_frame_address(0));
  for (;;) {
    *--at = 0;
  }
}

}  // namespace instar::hostile
