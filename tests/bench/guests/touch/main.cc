// Writes to every page of some memory, once.
#include "tests/bench/probe.h"
#include "tests/guest/hostile.h"

void instar::hostile::Attack(uint64_t /*vcpu*/) {
  auto* arena = reinterpret_cast<volatile uint8_t*>(kArena);
  for (uint64_t at = 0; at < bench::kTouchedBytes; at += abi::kPageSize) {
    arena[at] = 1;
  }
  Done();
}
