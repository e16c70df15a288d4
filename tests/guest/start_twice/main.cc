// EXPECT: broke-rule "start: of a vCPU that runs"
// Starting a vCPU twice.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t vcpu) {
  if (vcpu == 1) {
    for (;;) {
    }
  }
  Call(0, {.call = abi::Call::kStart, .offset = 1});
  Call(0, {.call = abi::Call::kStart, .offset = 1});
  Done();
}

}  // namespace instar::hostile
