// EXPECT: broke-rule "fault in the guest"
// A store to the boot page.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  boot().num_vcpus = 99;
  Done();
}

}  // namespace instar::hostile
