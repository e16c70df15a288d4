// EXPECT: broke-rule "read: bad slot"
// A file that is not there.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0,
       {.call = abi::Call::kRead, .slot = 7, .length = 512, .buffer = kArena});
  Done();
}

}  // namespace instar::hostile
