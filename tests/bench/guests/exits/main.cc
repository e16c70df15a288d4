// Leaves the guest often, with nothing to say.
#include "tests/bench/probe.h"
#include "tests/guest/hostile.h"

void instar::hostile::Attack(uint64_t /*vcpu*/) {
  for (uint64_t i = 0; i < bench::kExits; ++i) {
    RingDoorbell(0, abi::kDoorbellKick, 0);
  }
  Done();
}
