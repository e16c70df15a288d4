// EXPECT: done|broke-rule "read: "
// A second vCPU that rewrites requests after their submission.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t vcpu) {
  // Field by field: the host may see either value of each, but must check the
  // one that it uses.
  volatile abi::Ring& ring = RingOf(0);
  if (vcpu == 1) {
    for (uint64_t i = 0;; ++i) {
      volatile abi::Request& request = ring.requests[i % abi::kRingEntries];
      request.buffer = abi::GuestAddress{UINT64_MAX - 255};
      request.length = UINT64_MAX;
      request.slot = 99;
      request.slot = 0;
      request.length = 4096;
      request.buffer = kArena;
    }
  }
  Call(0, {.call = abi::Call::kStart, .offset = 1});
  for (int i = 0; i < 2000; ++i) {
    Call(0, {.call = abi::Call::kRead, .length = 4096, .buffer = kArena});
  }
  Done();
}

}  // namespace instar::hostile
