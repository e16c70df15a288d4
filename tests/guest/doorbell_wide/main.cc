// EXPECT kvm: broke-rule "no doorbell"
// EXPECT process: broke-rule "fault in the guest"
// A doorbell of eight bytes.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  *reinterpret_cast<volatile uint64_t*>(abi::kDoorbellAddress) = 1;
  Done();
}

}  // namespace instar::hostile
