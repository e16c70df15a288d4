// EXPECT: broke-rule "unknown call 0"
// A request that was never filled in.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = static_cast<abi::Call>(0)});
  Done();
}

}  // namespace instar::hostile
