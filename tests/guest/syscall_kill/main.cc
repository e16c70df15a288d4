// EXPECT kvm: broke-rule|stalled
// EXPECT process: broke-rule "forbidden system call"
// A signal to somebody.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  SystemCall(62, 1, 9);
  Done();
}

}  // namespace instar::hostile
