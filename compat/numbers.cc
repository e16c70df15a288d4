#include "compat/numbers.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>

namespace instar::compat {
namespace {

__extension__ using Uint128 = unsigned __int128;

constexpr int kMaxParallel = 16;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsHexDigit(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool IsSpace(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// log2 of what a suffix multiplies by, or -1.
int SuffixShift(char c) {
  switch (c) {
    case 'b':
    case 'B':
      return 0;
    case 'k':
    case 'K':
      return 10;
    case 'm':
    case 'M':
      return 20;
    case 'g':
    case 'G':
      return 30;
    case 't':
    case 'T':
      return 40;
    case 'p':
    case 'P':
      return 50;
    case 'e':
    case 'E':
      return 60;
    default:
      return -1;
  }
}

// What is left of a text, read from the front.
struct Scanner {
  std::string_view rest;

  bool AtEnd() const { return rest.empty(); }
  char Peek() const { return rest.empty() ? '\0' : rest.front(); }
  bool Accept(char c) {
    if (Peek() != c || rest.empty())
      return false;
    rest.remove_prefix(1);
    return true;
  }
};

// Digits in `base`. Sets *overflow and stays at the maximum beyond 64 bits.
bool ScanDigits(Scanner& in, unsigned base, uint64_t* value, bool* overflow) {
  bool any = false;
  *value = 0;
  while (base == 16 ? IsHexDigit(in.Peek()) : IsDigit(in.Peek())) {
    const char c = in.Peek();
    const unsigned digit = IsDigit(c)
                               ? static_cast<unsigned>(c - '0')
                               : static_cast<unsigned>((c | 32) - 'a') + 10;
    if (__builtin_mul_overflow(*value, uint64_t{base}, value) ||
        __builtin_add_overflow(*value, uint64_t{digit}, value)) {
      *overflow = true;
      *value = std::numeric_limits<uint64_t>::max();
    }
    in.rest.remove_prefix(1);
    any = true;
  }
  return any;
}

// ".25" as a number of 2^-64ths; 2^64 where it rounds up to one.
Uint128 ScanFraction(Scanner& in) {
  std::string digits = "0.";
  while (IsDigit(in.Peek())) {
    digits += in.Peek();
    in.rest.remove_prefix(1);
  }
  const double fraction = std::strtod(digits.c_str(), nullptr);
  return static_cast<Uint128>(std::ldexp(fraction, 64));
}

Number ParseHexSize(Scanner in, const Profile& profile) {
  Number number;
  bool overflow = false;
  if (!ScanDigits(in, 16, &number.value, &overflow))
    return {NumberFault::kMalformed};
  int shift = 0;
  if (!in.AtEnd()) {
    shift = SuffixShift(in.Peek());
    if (shift < 0 || in.rest.size() != 1 ||
        profile.hex_suffix == HexSuffix::kInvalid)
      return {NumberFault::kMalformed};
    number.warns_hex_suffix = true;
  }
  if (overflow || (number.value << shift) >> shift != number.value)
    return {NumberFault::kOutOfRange};
  number.value <<= shift;
  return number;
}

Number ParseDecimalSize(Scanner in, const Profile& profile) {
  uint64_t whole = 0;
  Uint128 fraction = 0;
  bool overflow = false;
  const bool has_whole = ScanDigits(in, 10, &whole, &overflow);
  if (!has_whole && !profile.size_fraction_may_lack_integer)
    return {NumberFault::kMalformed};
  if (in.Accept('.')) {
    if (!has_whole && !IsDigit(in.Peek()))
      return {NumberFault::kMalformed};
    fraction = ScanFraction(in);
  } else if (!has_whole) {
    return {NumberFault::kMalformed};
  }
  int shift = 0;
  if (!in.AtEnd()) {
    shift = SuffixShift(in.Peek());
    if (shift < 0 || in.rest.size() != 1)
      return {NumberFault::kMalformed};
  }
  if (fraction != 0 && shift == 0)
    return {NumberFault::kMalformed};
  if (overflow)
    return {NumberFault::kOutOfRange};

  const Uint128 one = Uint128{1} << 64;
  const Uint128 scaled_fraction =
      ((fraction << shift) + (one >> 1)) >> 64;  // half rounds up
  const Uint128 value = (Uint128{whole} << shift) + scaled_fraction;
  if (value >= one)
    return {NumberFault::kOutOfRange};
  return {NumberFault::kNone, static_cast<uint64_t>(value)};
}

}  // namespace

Number ParseSize(std::string_view text, const Profile& profile) {
  Scanner in{text};
  while (IsSpace(in.Peek()))
    in.rest.remove_prefix(1);
  bool negative = false;
  if (!in.Accept('+'))
    negative = in.Accept('-');
  if (negative && !profile.negative_size_is_out_of_range)
    return {NumberFault::kMalformed};

  Number number;
  const bool hex = in.rest.size() >= 2 && in.rest[0] == '0' &&
                   (in.rest[1] == 'x' || in.rest[1] == 'X');
  if (hex) {
    in.rest.remove_prefix(2);
    number = ParseHexSize(in, profile);
  } else {
    number = ParseDecimalSize(in, profile);
  }
  if (negative && number.fault == NumberFault::kNone && number.value != 0)
    return {NumberFault::kOutOfRange};
  return number;
}

Number ParseCount(std::string_view text) {
  const std::string copy(text);
  if (copy.empty() || copy.size() != std::char_traits<char>::length(&copy[0]))
    return {NumberFault::kMalformed};
  errno = 0;
  char* end = nullptr;
  const unsigned long long value = std::strtoull(copy.c_str(), &end, 0);
  if (end == copy.c_str() || *end != '\0')
    return {NumberFault::kMalformed};
  if (errno == ERANGE)
    return {NumberFault::kOutOfRange};
  return {NumberFault::kNone, value};
}

std::string HexSuffixWarning(const Names& names, std::string_view text) {
  return WarningLine(
      names, "Using a multiplier suffix on hex numbers is deprecated: " +
                 std::string(text));
}

std::string NumberError(const Names& names, const Profile& profile,
                        std::string_view name, std::string_view value,
                        NumberFault fault, int64_t min, int64_t max) {
  const std::string start = "Invalid " + std::string(name) + " specified";
  if (fault == NumberFault::kOutOfRange) {
    return ErrorLine(names, start + ". Must be between " + std::to_string(min) +
                                " and " + std::to_string(max) + ".");
  }
  if (profile.number_errors == NumberErrors::kSuffixHelp) {
    return ErrorLine(names, start +
                                ". You may use k, M, G, T, P or E suffixes "
                                "for") +
           ErrorLine(names,
                     "kilobytes, megabytes, gigabytes, terabytes, petabytes "
                     "and exabytes.");
  }
  std::string text = start + ": '" + std::string(value) + "'";
  if (profile.number_errors == NumberErrors::kQuotedWithStop)
    text += ".";
  return ErrorLine(names, text);
}

Integer ReadInteger(const Names& names, const Profile& profile,
                    std::string_view name, std::string_view text, int64_t min,
                    int64_t max) {
  const Number number = ParseCount(text);
  const auto value = static_cast<int64_t>(number.value);
  const bool is_number = number.fault == NumberFault::kNone;
  if (is_number && value >= min && value <= max)
    return {number.value, {}};
  if (!profile.counts_are_numbers) {
    return {0, ErrorLine(names, "Invalid " + std::string(name) + " specified")};
  }
  const NumberFault fault = number.fault == NumberFault::kMalformed
                                ? NumberFault::kMalformed
                                : NumberFault::kOutOfRange;
  return {0, NumberError(names, profile, name, text, fault, min, max)};
}

Parallel ParseParallel(const Names& names, const Profile& profile,
                       std::string_view text) {
  Integer count = ReadInteger(names, profile, "number of coroutines", text, 1,
                              kMaxParallel);
  if (!count.error.empty() && !profile.counts_are_numbers) {
    count.error = ErrorLine(names,
                            "Invalid number of coroutines. Allowed number of "
                            "coroutines is between 1 and 16");
  }
  return {static_cast<int>(count.value), count.error};
}

std::string SizeTypeError(std::string_view name) {
  return "Parameter '" + std::string(name) +
         "' expects a non-negative number below 2^64\n"
         "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, "
         "peta-\n"
         "and exabytes, respectively.";
}

}  // namespace instar::compat
