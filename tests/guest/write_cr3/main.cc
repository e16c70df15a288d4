// EXPECT: broke-rule "fault in the guest"
// Other page tables.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  asm volatile("mov %%rax, %%cr3" : : "a"(0));
  Done();
}

}  // namespace instar::hostile
