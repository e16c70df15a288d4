// EXPECT: done
// Breaks no rule: the measure of the others.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  char* text = reinterpret_cast<char*>(kArena);
  if (Call(0, {.call = abi::Call::kRead, .length = 16, .buffer = kArena}) ==
          16 &&
      text[0] == 'h' && boot().num_slots == 1) {
    Done();
  }
  Done(false);
}

}  // namespace instar::hostile
