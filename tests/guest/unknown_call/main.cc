// EXPECT: broke-rule "unknown call 99"
// A call that does not exist.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = static_cast<abi::Call>(99)});
  Done();
}

}  // namespace instar::hostile
