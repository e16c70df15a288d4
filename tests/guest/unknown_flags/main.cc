// EXPECT: broke-rule "zero: unknown flags"
// Flags that have no meaning.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kZero, .flags = 0x8000'0000});
  Done();
}

}  // namespace instar::hostile
