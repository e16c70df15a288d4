#include "compat/human_size.h"

#include <cstdio>

namespace instar::compat {

std::string HumanSize(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"",   "Ki", "Mi", "Gi",
                                           "Ti", "Pi", "Ei"};
  // The unit is the largest that leaves a mantissa of at least 1000/1024, so
  // that three digits suffice: log2(bytes * 1024 / 1000) in steps of ten,
  // computed in floating point as qemu-img rounds it.
  const double value = static_cast<double>(bytes);
  int exponent = 0;
  const double scaled = value / (1000.0 / 1024.0);
  while (exponent < 60 &&
         scaled >= static_cast<double>(uint64_t{1} << (exponent + 10))) {
    exponent += 10;
  }
  char text[32];
  snprintf(text, sizeof text, "%0.3g %sB",
           value / static_cast<double>(uint64_t{1} << exponent),
           kUnits[exponent / 10]);
  return text;
}

}  // namespace instar::compat
