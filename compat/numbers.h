// The numbers that qemu-img accepts on its command line, and what it says to
// the others.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "compat/profile.h"
#include "compat/usage.h"

namespace instar::compat {

enum class NumberFault : uint8_t { kNone, kMalformed, kOutOfRange };

struct Number {
  NumberFault fault = NumberFault::kNone;
  uint64_t value = 0;
  // A hexadecimal number carried a suffix, where that is still allowed: the
  // caller prints HexSuffixWarning.
  bool warns_hex_suffix = false;
};

// A size: decimal digits with an optional fraction and an optional suffix of
// b, k, M, G, T, P or E in any case, or hexadecimal without a suffix. A
// fraction is rounded half up and needs a suffix above b unless it is zero.
// The value fits 64 bits.
Number ParseSize(std::string_view text, const Profile& profile);

// A whole number: decimal, 0x hexadecimal or 0 octal, without a suffix. As
// strtoull has it, a minus sign wraps around.
Number ParseCount(std::string_view text);

std::string HexSuffixWarning(const Names& names, std::string_view text);

// What a command says to a bad number. `name` is what the number stands for:
// "image size", "rate limit", …
std::string NumberError(const Names& names, const Profile& profile,
                        std::string_view name, std::string_view value,
                        NumberFault fault, int64_t min = 0,
                        int64_t max = std::numeric_limits<int64_t>::max());

// What is said of the parameter `name` whose value is no size.
std::string SizeTypeError(std::string_view name);

// A count of `bench`.
struct Integer {
  uint64_t value = 0;
  std::string error;  // for stderr; empty: the value is from min to max
};
Integer ReadInteger(const Names& names, const Profile& profile,
                    std::string_view name, std::string_view text, int64_t min,
                    int64_t max);

// convert's -m.
struct Parallel {
  int count = 0;
  std::string error;  // for stderr; empty: count is 1 to 16
};
Parallel ParseParallel(const Names& names, const Profile& profile,
                       std::string_view text);

}  // namespace instar::compat
