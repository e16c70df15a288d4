// EXPECT kvm: broke-rule "no doorbell"
// EXPECT process: broke-rule "fault in the guest"
// A load from the doorbell.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  (void)*reinterpret_cast<volatile uint32_t*>(abi::kDoorbellAddress);
  Done();
}

}  // namespace instar::hostile
