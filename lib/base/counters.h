// Numbers and bits in great quantity, one for each of a file's clusters. The
// memory is the caller's; indices are checked.
#pragma once

#include <cstdint>
#include <limits>

#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace instar {

// Counters that start at 0. Narrow ones count up to 65535, wide ones up to
// 2^32 - 1.
class Counters {
 public:
  static constexpr uint64_t Bytes(uint64_t count, bool wide) {
    return count * (wide ? 4 : 2);
  }

  Counters() = default;
  // Counts in `memory`, which is aligned to 4 bytes. Whatever it held is gone.
  Counters(MutableBytes memory, bool wide)
      : data_(memory.data()),
        size_(memory.size() / (wide ? 4 : 2)),
        wide_(wide) {
    memory.Fill(0);
  }

  uint64_t size() const { return size_; }

  // REQUIRES, here and below: i < size().
  uint64_t Get(uint64_t i) const {
    INSTAR_CHECK(i < size_);
    return wide_ ? Load<uint32_t>(i) : Load<uint16_t>(i);
  }

  // One more, unless there are `limit` already; false then. A limit beyond the
  // width is the width's.
  bool Add(uint64_t i, uint64_t limit) {
    INSTAR_CHECK(i < size_);
    return wide_ ? AddTo<uint32_t>(i, limit) : AddTo<uint16_t>(i, limit);
  }

 private:
  template <typename T>
  T Load(uint64_t i) const {
    T value = 0;
    __builtin_memcpy(&value, data_ + i * sizeof(T), sizeof value);
    return value;
  }
  template <typename T>
  bool AddTo(uint64_t i, uint64_t limit) {
    const T value = Load<T>(i);
    if (value >= limit || value == std::numeric_limits<T>::max()) {
      return false;
    }
    const T next = static_cast<T>(value + 1);
    __builtin_memcpy(data_ + i * sizeof(T), &next, sizeof next);
    return true;
  }

  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
  bool wide_ = false;
};

// Bits that start as 0.
class BitArray {
 public:
  static constexpr uint64_t Bytes(uint64_t count) { return (count + 7) / 8; }

  BitArray() = default;
  explicit BitArray(MutableBytes memory)
      : data_(memory.data()), size_(memory.size() * 8) {
    memory.Fill(0);
  }

  uint64_t size() const { return size_; }
  // REQUIRES, here and below: i < size().
  bool Get(uint64_t i) const {
    INSTAR_CHECK(i < size_);
    return (data_[i / 8] >> i % 8 & 1) != 0;
  }
  void Set(uint64_t i) {
    INSTAR_CHECK(i < size_);
    data_[i / 8] = static_cast<uint8_t>(data_[i / 8] | 1 << i % 8);
  }

 private:
  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace instar
