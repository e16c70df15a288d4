// EXPECT: broke-rule "read: buffer outside"
// A buffer whose end wraps to zero.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kRead,
           .length = 4096,
           .buffer = abi::GuestAddress{UINT64_MAX - 255}});
  Done();
}

}  // namespace instar::hostile
