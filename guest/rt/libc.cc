// The C functions that the compiler and the linked codec libraries call.
// There is no heap: libraries get their memory through their own hooks, so
// malloc always fails.
#include <cstddef>
#include <cstdint>

#include "lib/base/result.h"

// These loops must not be turned into calls of the functions they make up.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

namespace {

struct [[gnu::packed, gnu::may_alias]] Word {
  uint64_t value;
};

// From here on the string instructions are faster than a loop.
constexpr size_t kStringInstruction = 256;

}  // namespace

extern "C" {

void* memcpy(void* __restrict target, const void* __restrict source,
             size_t size) {
  auto* to = static_cast<uint8_t*>(target);
  const auto* from = static_cast<const uint8_t*>(source);
  if (size >= kStringInstruction) {
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return target;
  }
  for (; size >= 8; size -= 8, to += 8, from += 8) {
    reinterpret_cast<Word*>(to)->value =
        reinterpret_cast<const Word*>(from)->value;
  }
  for (; size != 0; --size) {
    *to++ = *from++;
  }
  return target;
}

void* memmove(void* target, const void* source, size_t size) {
  auto* to = static_cast<uint8_t*>(target);
  const auto* from = static_cast<const uint8_t*>(source);
  if (to <= from || to >= from + size) {
    for (size_t i = 0; i < size; ++i) {
      to[i] = from[i];
    }
  } else {
    for (size_t i = size; i != 0; --i) {
      to[i - 1] = from[i - 1];
    }
  }
  return target;
}

void* memset(void* target, int byte, size_t size) {
  auto* to = static_cast<uint8_t*>(target);
  if (size >= kStringInstruction) {
    asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return target;
  }
  for (; size != 0; --size) {
    *to++ = static_cast<uint8_t>(byte);
  }
  return target;
}

int memcmp(const void* left, const void* right, size_t size) {
  const auto* a = static_cast<const uint8_t*>(left);
  const auto* b = static_cast<const uint8_t*>(right);
  for (size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) {
      return a[i] < b[i] ? -1 : 1;
    }
  }
  return 0;
}

size_t strlen(const char* text) {
  size_t length = 0;
  while (text[length] != 0) {
    ++length;
  }
  return length;
}

void* malloc(size_t) {
  return nullptr;
}
void* calloc(size_t, size_t) {
  return nullptr;
}
void* realloc(void*, size_t) {
  return nullptr;
}
void free(void*) {}

[[noreturn]] void __stack_chk_fail() {
  instar::Panic("stack smashed");
}
[[noreturn]] void __cxa_pure_virtual() {
  instar::Panic("pure virtual call");
}
}

namespace instar::guest {

// A subscript outside a std::span or std::array (-D_GLIBCXX_ASSERTIONS): the
// standard library's std::__glibcxx_assert_fail, under its symbol's name.
[[noreturn, gnu::used]] void FailAssertion(
    const char* file, int line, const char* function,
    const char* condition) asm("_ZSt21__glibcxx_assert_failPKciS0_S0_");

void FailAssertion(const char* /*file*/, int /*line*/, const char* /*function*/,
                   const char* condition) {
  Panic(condition);
}

}  // namespace instar::guest
