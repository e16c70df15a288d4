// EXPECT: broke-rule "fault in the guest"
// A look behind the end of memory.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  (void)*reinterpret_cast<volatile uint64_t*>(abi::kGuestBase +
                                              boot().memory_bytes);
  Done();
}

}  // namespace instar::hostile
