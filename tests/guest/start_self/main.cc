// EXPECT: broke-rule "start: bad vCPU"
// Starting the vCPU that runs.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kStart, .offset = 0});
  Done();
}

}  // namespace instar::hostile
