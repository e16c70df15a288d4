// EXPECT: broke-rule
// The 32-bit system call gate.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  asm volatile("int $0x80" : : "a"(1), "b"(0));
  Done();
}

}  // namespace instar::hostile
