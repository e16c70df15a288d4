// EXPECT kvm: broke-rule|stalled
// EXPECT process: broke-rule "forbidden system call"
// More memory.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  SystemCall(9, 0, 4096, 7);
  Done();
}

}  // namespace instar::hostile
