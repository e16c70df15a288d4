// EXPECT: done
// AVX2 works where CPUID offers it.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  uint32_t a = 7;
  uint32_t b = 0;
  uint32_t c = 0;
  uint32_t d = 0;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  if ((b & 1 << 5) != 0) {
    asm volatile(
        "vpxor %%ymm0, %%ymm0, %%ymm0\n vpaddb %%ymm0, %%ymm0, %%ymm1" ::
            : "xmm0", "xmm1");
  }
  Done();
}

}  // namespace instar::hostile
