// Ends at once: what a run costs before it does anything.
#include "tests/guest/hostile.h"

void instar::hostile::Attack(uint64_t /*vcpu*/) {
  Done();
}
