// EXPECT: broke-rule "read: buffer outside"
// A buffer behind the end of memory.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kRead,
           .length = 512,
           .buffer = abi::GuestAddress{abi::kGuestBase + boot().memory_bytes}});
  Done();
}

}  // namespace instar::hostile
