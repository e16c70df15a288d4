// EXPECT: broke-rule "fault in the guest"
// A null pointer.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t vcpu) {
  (void)*reinterpret_cast<volatile uint64_t*>(uint64_t{vcpu});
  Done();
}

}  // namespace instar::hostile
