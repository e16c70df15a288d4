// EXPECT: broke-rule "read: buffer outside"
// A read into the ring.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kRead,
           .length = 512,
           .buffer = abi::GuestAddress{abi::kGuestBase + abi::kRingOffset}});
  Done();
}

}  // namespace instar::hostile
