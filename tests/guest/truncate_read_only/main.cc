// EXPECT: broke-rule "truncate: to a read-only file"
// Emptying the source.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kTruncate});
  Done();
}

}  // namespace instar::hostile
