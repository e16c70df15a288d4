// EXPECT: broke-rule "fault in the guest"
// A return out of the entry.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {}

}  // namespace instar::hostile
