// EXPECT: broke-rule "open: bad slot"
// A reference out of an image that is not there.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  // Reference{slot: 9, name: "a"}
  const uint8_t bytes[] = {0x08, 0x09, 0x1a, 0x01, 'a'};
  __builtin_memcpy(reinterpret_cast<void*>(kArena), bytes, sizeof bytes);
  Call(0, {.call = abi::Call::kOpenReference, .length = 5, .buffer = kArena});
  Done();
}

}  // namespace instar::hostile
