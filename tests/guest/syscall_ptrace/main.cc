// EXPECT kvm: broke-rule|stalled
// EXPECT process: broke-rule "forbidden system call"
// Another process.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  SystemCall(101, 0);
  Done();
}

}  // namespace instar::hostile
