// EXPECT: broke-rule "read: buffer outside"
// A buffer before the start of memory.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kRead,
           .length = 512,
           .buffer = abi::GuestAddress{abi::kGuestBase - 512}});
  Done();
}

}  // namespace instar::hostile
