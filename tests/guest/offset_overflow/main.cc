// EXPECT: broke-rule "read: offset out of range"
// An offset whose end wraps.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kRead,
           .offset = UINT64_MAX - 10,
           .length = 512,
           .buffer = kArena});
  Done();
}

}  // namespace instar::hostile
