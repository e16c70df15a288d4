// All dynamic memory of lib/ and guest/: pieces cut from one fixed region.
// Nothing is given back piece by piece; Mark and Rewind drop all that was cut
// since.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/result.h"

namespace instar {

class Arena {
 public:
  Arena() = default;
  explicit Arena(MutableBytes region) : region_(region) {}

  // `size` bytes of unspecified content, at a multiple of `alignment`, a power
  // of two no greater than the region's own alignment.
  // Errors: kNoMemory.
  Result<MutableBytes> Allocate(uint64_t size, uint64_t alignment = 16) {
    const uint64_t start = TRY(CheckedAlignUp(used_, alignment));
    if (start > region_.size() || size > region_.size() - start) {
      return Error{.fault = Fault::kNoMemory, .value = size};
    }
    used_ = start + size;
    return region_.Slice(start, size);
  }

  // As Allocate, filled with zeroes.
  Result<MutableBytes> AllocateZeroed(uint64_t size, uint64_t alignment = 16) {
    const MutableBytes bytes = TRY(Allocate(size, alignment));
    bytes.Fill(0);
    return bytes;
  }

  // A T, never destroyed.
  template <typename T, typename... Arguments>
  Result<T*> New(Arguments&&... arguments) {
    static_assert(std::is_trivially_destructible_v<T>);
    const MutableBytes bytes = TRY(Allocate(sizeof(T), alignof(T)));
    return new (bytes.data()) T(std::forward<Arguments>(arguments)...);
  }

  // `count` value-initialised T, never destroyed.
  template <typename T>
  Result<T*> NewArray(uint64_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    const uint64_t size = TRY(CheckedMul(count, sizeof(T)));
    const MutableBytes bytes = TRY(Allocate(size, alignof(T)));
    T* items = reinterpret_cast<T*>(bytes.data());
    for (uint64_t i = 0; i < count; ++i) {
      new (items + i) T();
    }
    return items;
  }

  uint64_t used() const { return used_; }
  uint64_t available() const { return region_.size() - used_; }
  uint64_t Mark() const { return used_; }
  // REQUIRES: `mark` came from Mark(), and nothing cut since is in use.
  void Rewind(uint64_t mark) { used_ = mark; }

 private:
  MutableBytes region_;
  uint64_t used_ = 0;
};

}  // namespace instar
