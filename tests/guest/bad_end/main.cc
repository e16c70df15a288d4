// EXPECT: broke-rule "done: unknown status"
// An end that is neither success nor failure.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kDone, .offset = 2});
  Done();
}

}  // namespace instar::hostile
