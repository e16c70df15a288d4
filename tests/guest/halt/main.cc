// EXPECT: broke-rule "fault in the guest"
// A privileged instruction.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  asm volatile("hlt");
  Done();
}

}  // namespace instar::hostile
