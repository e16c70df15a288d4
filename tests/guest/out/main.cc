// EXPECT: broke-rule "fault in the guest"
// A port access.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  asm volatile("outb %%al, %%dx" : : "a"(0), "d"(0x80));
  Done();
}

}  // namespace instar::hostile
