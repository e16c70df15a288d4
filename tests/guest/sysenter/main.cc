// EXPECT: broke-rule
// The other 32-bit system call gate.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  asm volatile("sysenter" : : "a"(1));
  Done();
}

}  // namespace instar::hostile
