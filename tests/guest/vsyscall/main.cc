// EXPECT: broke-rule
// The page of emulated system calls.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  reinterpret_cast<uint64_t (*)(uint64_t)>(0xffff'ffff'ff60'0400)(0);
  Done();
}

}  // namespace instar::hostile
