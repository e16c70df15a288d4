// EXPECT: broke-rule "fault in the guest"
// A store to text.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  *reinterpret_cast<volatile uint64_t*>(abi::kGuestBase + abi::kImageOffset) =
      0;
  Done();
}

}  // namespace instar::hostile
