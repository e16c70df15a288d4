// Makes the shortest call there is, and waits for each.
#include "tests/bench/probe.h"
#include "tests/guest/hostile.h"

void instar::hostile::Attack(uint64_t /*vcpu*/) {
  for (uint64_t i = 0; i < bench::kCalls; ++i) {
    Call(0, {.call = abi::Call::kSlotInfo, .length = 24, .buffer = kArena});
  }
  Done();
}
