// EXPECT: broke-rule "wake: bad vCPU"
// Waking a vCPU that does not exist.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kWake, .offset = 8});
  Done();
}

}  // namespace instar::hostile
