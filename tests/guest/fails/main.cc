// EXPECT: done failure
// Says that its operation failed.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Done(false);
}

}  // namespace instar::hostile
