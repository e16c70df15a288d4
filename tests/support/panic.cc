// Panic for hosted builds (unit tests, fuzzers); the guest's is in guest/rt.
#include <cstdio>
#include <cstdlib>

#include "lib/base/result.h"

namespace instar {

void Panic(const char* what) {
  std::fprintf(stderr, "broken invariant: %s\n", what);
  std::abort();
}

}  // namespace instar
