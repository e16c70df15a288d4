// EXPECT: broke-rule "fault in the guest"
// A jump into data.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  *reinterpret_cast<volatile uint8_t*>(kArena) = 0xc3;
  reinterpret_cast<void (*)()>(kArena)();
  Done();
}

}  // namespace instar::hostile
