// EXPECT kvm: broke-rule|stalled
// EXPECT process: broke-rule "forbidden system call"
// The other table of system calls.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  SystemCall(0x400000ca, 0, 1, 1);
  Done();
}

}  // namespace instar::hostile
