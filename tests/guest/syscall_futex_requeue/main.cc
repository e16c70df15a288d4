// EXPECT kvm: broke-rule|stalled
// EXPECT process: broke-rule "forbidden system call"
// A futex operation other than waiting and waking.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  SystemCall(202, abi::kGuestBase + abi::kArenaOffset, 3, 1);
  Done();
}

}  // namespace instar::hostile
