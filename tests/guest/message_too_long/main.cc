// EXPECT: broke-rule "message: length over the limit"
// A frame that is too long.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kMessage,
           .length = abi::kMaxFrameBytes + 1,
           .buffer = kArena});
  Done();
}

}  // namespace instar::hostile
