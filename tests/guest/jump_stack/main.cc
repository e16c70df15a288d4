// EXPECT: broke-rule "fault in the guest"
// A jump into the stack.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  volatile uint8_t code[] = {0xc3};
  reinterpret_cast<void (*)()>(const_cast<uint8_t*>(code))();
  Done();
}

}  // namespace instar::hostile
