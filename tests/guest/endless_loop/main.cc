// EXPECT: stalled
// No progress.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  for (;;) {
    asm volatile("pause");
  }
}

}  // namespace instar::hostile
