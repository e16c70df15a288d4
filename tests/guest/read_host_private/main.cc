// EXPECT: broke-rule "fault in the guest"
// A look at the page tables.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  (void)*reinterpret_cast<volatile uint64_t*>(abi::kGuestBase + 0x2000);
  Done();
}

}  // namespace instar::hostile
