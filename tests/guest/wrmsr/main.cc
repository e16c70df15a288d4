// EXPECT: broke-rule "fault in the guest"
// A model-specific register.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  asm volatile("wrmsr" : : "a"(0), "d"(0), "c"(0xc0000080));
  Done();
}

}  // namespace instar::hostile
