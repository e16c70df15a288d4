// How code in lib/ and guest/ reports that something is wrong: a code and the
// offending value, never a text and never an exception. compat/ words it.
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "gen/fault.h"

namespace instar {

// Ends the guest: a broken invariant of our own, never a reaction to image
// data. Hosted builds abort.
[[noreturn]] void Panic(const char* what);

#define INSTAR_CHECK(condition)    \
  do {                             \
    if (!(condition)) {            \
      ::instar::Panic(#condition); \
    }                              \
  } while (false)

// What is wrong (`fault`) and the number that shows it. `error` is a positive
// errno where a file call failed. `text`, where a fault has one, lives in an
// arena or is a constant; bytes.h has Text(error) to read it.
struct Error {
  Fault fault = Fault::kNone;
  uint64_t value = 0;
  uint64_t value2 = 0;
  const uint8_t* text = nullptr;
  uint32_t text_bytes = 0;
  int32_t error = 0;
  uint64_t value3 = 0;
};

// Either a T or an Error. T is trivially destructible.
template <typename T>
class [[nodiscard]] Result {
 public:
  static_assert(std::is_trivially_destructible_v<T>);

  // NOLINTNEXTLINE(google-explicit-constructor): `return value;` is the idiom.
  Result(T value) : ok_(true), value_(std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : ok_(false), error_(error) {}

  bool ok() const { return ok_; }
  const Error& error() const {
    INSTAR_CHECK(!ok_);
    return error_;
  }
  T& value() {
    INSTAR_CHECK(ok_);
    return value_;
  }
  const T& value() const {
    INSTAR_CHECK(ok_);
    return value_;
  }

 private:
  bool ok_;
  union {
    T value_;
    Error error_;
  };
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : error_(error) {}

  bool ok() const { return error_.fault == Fault::kNone; }
  const Error& error() const { return error_; }
  void value() const { INSTAR_CHECK(ok()); }

 private:
  Error error_;
};

using Status = Result<void>;

// The value of `expression`, or a return of its error from this function. One
// TRY a statement.
#define TRY(expression)             \
  __extension__({                   \
    auto try_result = (expression); \
    if (!try_result.ok()) {         \
      return try_result.error();    \
    }                               \
    try_result.value();             \
  })

}  // namespace instar
