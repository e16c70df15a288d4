// EXPECT: broke-rule "fault in the guest"
// A look at the host program.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  // Where the host program is loaded.
  (void)*reinterpret_cast<volatile uint64_t*>(uint64_t{0x40'0000});
  Done();
}

}  // namespace instar::hostile
