// A small image being put together field by field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/bytes.h"

namespace instar::fakes {

class SeedBuilder {
 public:
  // All zeroes.
  explicit SeedBuilder(uint64_t size) : bytes_(size) {}

  const std::vector<uint8_t>& bytes() const { return bytes_; }

  // Sets field kField of the record at `offset`.
  template <auto kField>
  void Put(uint64_t offset, uint64_t value) {
    using F = decltype(kField);
    F::Encode(
        &bytes_.at(offset + kField.offset + F::kSize - 1) - (F::kSize - 1),
        static_cast<typename F::Value>(value));
  }

  void PutText(uint64_t offset, const std::string& text) {
    for (uint64_t i = 0; i < text.size(); ++i) {
      bytes_.at(offset + i) = static_cast<uint8_t>(text[i]);
    }
  }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace instar::fakes
