// EXPECT: broke-rule "open: malformed reference"
// A reference that is no protobuf message.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  *reinterpret_cast<volatile uint64_t*>(kArena) = UINT64_MAX;
  Call(0, {.call = abi::Call::kOpenReference, .length = 8, .buffer = kArena});
  Done();
}

}  // namespace instar::hostile
