// EXPECT: broke-rule "compare: bad second slot"
// A second file that is not there.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kCompare, .length = 512, .slot2 = 0xffff'ffff});
  Done();
}

}  // namespace instar::hostile
