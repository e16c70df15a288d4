// EXPECT kvm: broke-rule|stalled
// EXPECT process: broke-rule "forbidden system call"
// A file.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  SystemCall(2, 0, 0, 0);
  Done();
}

}  // namespace instar::hostile
