// EXPECT: broke-rule "open: unknown role"
// A role that does not exist.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  // Reference{role: 77, name: "a"}
  const uint8_t bytes[] = {0x10, 77, 0x1a, 0x01, 'a'};
  __builtin_memcpy(reinterpret_cast<void*>(kArena), bytes, sizeof bytes);
  Call(0, {.call = abi::Call::kOpenReference, .length = 5, .buffer = kArena});
  Done();
}

}  // namespace instar::hostile
