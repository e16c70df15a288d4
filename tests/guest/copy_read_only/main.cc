// EXPECT: broke-rule "copy: to a read-only file"
// A copy onto the source.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kCopy, .offset = 512, .length = 512});
  Done();
}

}  // namespace instar::hostile
