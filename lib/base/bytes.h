// Views of bytes. Whatever can be wrong about a position or a length is an
// Error at run time or does not compile, so code above this file holds no
// pointer into an image and cannot read outside what it was given.
//
//   ByteView      bytes of a length known at run time
//   FixedView<N>  a record of N bytes: its fields are checked by the compiler
//   MutableBytes  the same as ByteView, for writing
//   ArrayView<F>  numbers of one kind, one behind the other
//   Cursor        reads a ByteView from front to back
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/base/result.h"

namespace instar {

// A field of a record: its type, its byte order and its offset.
template <typename T, bool kBigEndian>
struct Field {
  using Value = T;
  static constexpr uint64_t kSize = sizeof(T);
  uint64_t offset = 0;

  static T Decode(const uint8_t* at) {
    T value = 0;
    __builtin_memcpy(&value, at, sizeof value);
    return Swap(value);
  }
  static void Encode(uint8_t* at, T value) {
    value = Swap(value);
    __builtin_memcpy(at, &value, sizeof value);
  }

 private:
  static T Swap(T value) {
    if constexpr (!kBigEndian || sizeof(T) == 1) {
      return value;
    } else if constexpr (sizeof(T) == 2) {
      return __builtin_bswap16(value);
    } else if constexpr (sizeof(T) == 4) {
      return __builtin_bswap32(value);
    } else {
      return __builtin_bswap64(value);
    }
  }
};

using U8 = Field<uint8_t, true>;
using Be16 = Field<uint16_t, true>;
using Be32 = Field<uint32_t, true>;
using Be64 = Field<uint64_t, true>;
using Le16 = Field<uint16_t, false>;
using Le32 = Field<uint32_t, false>;
using Le64 = Field<uint64_t, false>;

template <uint64_t N>
class FixedView {
 public:
  // REQUIRES: `data` points at N bytes that outlive the view.
  explicit FixedView(const uint8_t* data) : data_(data) {}

  // The field kField of the record; one that is not inside does not compile.
  template <auto kField>
  auto Get() const {
    using F = decltype(kField);
    static_assert(kField.offset <= N && F::kSize <= N - kField.offset,
                  "field lies outside the record");
    return F::Decode(data_ + kField.offset);
  }

 private:
  const uint8_t* data_;
};

// Numbers that lie one behind the other, for loops over whole tables.
template <typename F>
class ArrayView {
 public:
  constexpr ArrayView() = default;
  // REQUIRES: `data` points at `size` numbers that outlive the view.
  constexpr ArrayView(const uint8_t* data, uint64_t size)
      : data_(data), size_(size) {}

  constexpr uint64_t size() const { return size_; }
  // REQUIRES: i < size().
  typename F::Value operator[](uint64_t i) const {
    INSTAR_CHECK(i < size_);
    return F::Decode(data_ + i * F::kSize);
  }

 private:
  const uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

class ByteView {
 public:
  constexpr ByteView() = default;
  // REQUIRES: `data` points at `size` bytes that outlive the view.
  constexpr ByteView(const uint8_t* data, uint64_t size)
      : data_(data), size_(size) {}

  // The bytes of a string literal, without its zero.
  template <size_t N>
  static ByteView Of(const char (&text)[N]) {
    return {reinterpret_cast<const uint8_t*>(text), N - 1};
  }

  // The bytes of a constant of our own, without its zero.
  static ByteView OfString(const char* text) {
    return {reinterpret_cast<const uint8_t*>(text), __builtin_strlen(text)};
  }

  constexpr uint64_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  // For handing the bytes on (to a codec, to a file call), not for reading.
  constexpr const uint8_t* data() const { return data_; }

  Result<ByteView> Slice(uint64_t offset, uint64_t length) const {
    if (offset > size_ || length > size_ - offset) {
      return Error{.fault = Fault::kOutOfBounds, .value = offset};
    }
    return ByteView{data_ + offset, length};
  }
  // The first `length` bytes, or all where there are fewer.
  ByteView Prefix(uint64_t length) const {
    return {data_, length < size_ ? length : size_};
  }

  template <uint64_t N>
  Result<FixedView<N>> Fixed(uint64_t offset) const {
    auto slice = Slice(offset, N);
    if (!slice.ok()) {
      return slice.error();
    }
    return FixedView<N>{slice.value().data()};
  }

  // The number at `offset`, for a Field type F.
  template <typename F>
  Result<typename F::Value> At(uint64_t offset) const {
    auto slice = Slice(offset, F::kSize);
    if (!slice.ok()) {
      return slice.error();
    }
    return F::Decode(slice.value().data());
  }

  // As many numbers as there are whole ones.
  template <typename F>
  ArrayView<F> Array() const {
    return {data_, size_ / F::kSize};
  }

  bool Equals(ByteView other) const {
    return size_ == other.size_ &&
           (size_ == 0 || __builtin_memcmp(data_, other.data_, size_) == 0);
  }
  bool StartsWith(ByteView prefix) const {
    return size_ >= prefix.size_ && Prefix(prefix.size_).Equals(prefix);
  }

 private:
  const uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

class MutableBytes {
 public:
  constexpr MutableBytes() = default;
  // REQUIRES: `data` points at `size` writable bytes that outlive the view.
  constexpr MutableBytes(uint8_t* data, uint64_t size)
      : data_(data), size_(size) {}

  constexpr uint64_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr uint8_t* data() const { return data_; }
  constexpr ByteView view() const { return {data_, size_}; }

  Result<MutableBytes> Slice(uint64_t offset, uint64_t length) const {
    if (offset > size_ || length > size_ - offset) {
      return Error{.fault = Fault::kOutOfBounds, .value = offset};
    }
    return MutableBytes{data_ + offset, length};
  }
  MutableBytes Prefix(uint64_t length) const {
    return {data_, length < size_ ? length : size_};
  }

  template <typename F>
  Status Put(uint64_t offset, typename F::Value value) const {
    auto slice = Slice(offset, F::kSize);
    if (!slice.ok()) {
      return slice.error();
    }
    F::Encode(slice.value().data(), value);
    return {};
  }
  // Copies `source` to `offset`.
  Status PutBytes(uint64_t offset, ByteView source) const {
    auto slice = Slice(offset, source.size());
    if (!slice.ok()) {
      return slice.error();
    }
    if (!source.empty()) {
      __builtin_memcpy(slice.value().data(), source.data(), source.size());
    }
    return {};
  }
  void Fill(uint8_t byte) const {
    if (size_ != 0) {
      __builtin_memset(data_, byte, size_);
    }
  }

 private:
  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

// The bytes that an error speaks of; empty where it has none.
inline ByteView Text(const Error& error) {
  return {error.text, error.text_bytes};
}

// Reads a view from front to back; a read that does not fit is an Error and
// moves nothing.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : rest_(bytes) {}

  bool AtEnd() const { return rest_.empty(); }
  uint64_t remaining() const { return rest_.size(); }

  Result<ByteView> ReadBytes(uint64_t length) {
    auto head = rest_.Slice(0, length);
    if (!head.ok()) {
      return head.error();
    }
    rest_ = ByteView{rest_.data() + length, rest_.size() - length};
    return head.value();
  }
  template <typename F>
  Result<typename F::Value> Read() {
    auto head = ReadBytes(F::kSize);
    if (!head.ok()) {
      return head.error();
    }
    return F::Decode(head.value().data());
  }

 private:
  ByteView rest_;
};

}  // namespace instar
