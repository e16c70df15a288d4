// Arithmetic on numbers that came out of an image. Unsigned 64-bit only; a
// result that does not fit is an Error, not a wrapped number.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "lib/base/result.h"

namespace instar {

inline Result<uint64_t> CheckedAdd(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    return Error{.fault = Fault::kOverflow, .value = a};
  }
  return sum;
}

inline Result<uint64_t> CheckedSub(uint64_t a, uint64_t b) {
  if (b > a) {
    return Error{.fault = Fault::kOverflow, .value = a};
  }
  return a - b;
}

inline Result<uint64_t> CheckedMul(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) {
    return Error{.fault = Fault::kOverflow, .value = a};
  }
  return product;
}

// a << bits, where no bit is lost.
inline Result<uint64_t> CheckedShl(uint64_t a, uint64_t bits) {
  if (bits >= 64 || (a << bits) >> bits != a) {
    return Error{.fault = Fault::kOverflow, .value = a};
  }
  return a << bits;
}

// The lowest multiple of `alignment`, a power of two, that is not below a.
inline Result<uint64_t> CheckedAlignUp(uint64_t a, uint64_t alignment) {
  auto sum = CheckedAdd(a, alignment - 1);
  if (!sum.ok()) {
    return sum.error();
  }
  return sum.value() & ~(alignment - 1);
}

// The three below cannot overflow.
constexpr uint64_t AlignDown(uint64_t a, uint64_t alignment) {
  return a & ~(alignment - 1);
}
constexpr uint64_t DivRoundUp(uint64_t a, uint64_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}
constexpr bool IsPowerOfTwo(uint64_t a) {
  return a != 0 && (a & (a - 1)) == 0;
}

constexpr uint64_t Min(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}
constexpr uint64_t Max(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

// `a` as a narrower unsigned type.
template <typename T>
Result<T> Narrow(uint64_t a) {
  static_assert(std::is_unsigned_v<T>);
  if (a > std::numeric_limits<T>::max()) {
    return Error{.fault = Fault::kOverflow, .value = a};
  }
  return static_cast<T>(a);
}

}  // namespace instar
