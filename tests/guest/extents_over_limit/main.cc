// EXPECT: broke-rule "extents: length over the limit"
// An array whose size does not fit 32 bits.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kExtents,
           .length = 512,
           .buffer = kArena,
           .slot2 = UINT32_MAX});
  Done();
}

}  // namespace instar::hostile
