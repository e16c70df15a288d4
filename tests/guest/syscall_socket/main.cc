// EXPECT kvm: broke-rule|stalled
// EXPECT process: broke-rule "forbidden system call"
// The network.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  SystemCall(41, 1, 1, 0);
  Done();
}

}  // namespace instar::hostile
