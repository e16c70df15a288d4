// EXPECT: broke-rule "read: length over the limit"
// A transfer that is too long.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kRead,
           .length = abi::kMaxTransferBytes + 1,
           .buffer = kArena});
  Done();
}

}  // namespace instar::hostile
