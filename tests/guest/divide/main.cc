// EXPECT: broke-rule "fault in the guest"
// A division by zero.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  asm volatile("xor %%ecx, %%ecx\n div %%ecx" ::: "eax", "ecx", "edx");
  Done();
}

}  // namespace instar::hostile
