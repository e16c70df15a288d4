// EXPECT kvm: broke-rule|stalled
// EXPECT process: broke-rule "exit without an end"
// An exit without an end.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  SystemCall(231, 0);
  Done();
}

}  // namespace instar::hostile
