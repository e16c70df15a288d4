// EXPECT kvm: broke-rule|stalled
// EXPECT process: broke-rule "exit without an end"
// An exit that looks as if the jail had failed.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kProgress});
  SystemCall(231, 70);
  Done();
}

}  // namespace instar::hostile
