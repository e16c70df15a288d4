// EXPECT: broke-rule "start: bad vCPU"
// A vCPU that does not exist.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kStart, .offset = 1000000});
  Done();
}

}  // namespace instar::hostile
