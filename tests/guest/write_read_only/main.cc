// EXPECT: broke-rule "write: to a read-only file"
// A write to the file that the user named as a source.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  Call(0, {.call = abi::Call::kWrite, .length = 512, .buffer = kArena});
  Done();
}

}  // namespace instar::hostile
