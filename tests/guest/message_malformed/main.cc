// EXPECT: broke-rule "message: malformed frame"
// A frame that is no protobuf message.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  *reinterpret_cast<volatile uint64_t*>(kArena) = UINT64_MAX;
  Call(0, {.call = abi::Call::kMessage, .length = 8, .buffer = kArena});
  Done();
}

}  // namespace instar::hostile
