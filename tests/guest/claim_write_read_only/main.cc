// EXPECT: broke-rule "claim: for writing"
// A write lock on the source.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kClaim, .flags = abi::kClaimWrite});
  Done();
}

}  // namespace instar::hostile
