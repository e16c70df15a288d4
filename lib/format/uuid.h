// Random UUIDs (RFC 4122, version 4), which several formats' headers hold.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar {

inline constexpr uint64_t kUuidBytes = 16;

// Which end of the field "time_hi_and_version" comes first on disk.
enum class UuidOrder : uint8_t { kBigEndian, kLittleEndian };

// Puts the UUID that 16 bytes of `random`, from `random_offset` on, make at
// `offset` of `record`. Errors: kOutOfBounds.
inline Status PutUuid(const MutableBytes& record, uint64_t offset,
                      ByteView random, uint64_t random_offset,
                      UuidOrder order) {
  constexpr uint64_t kVariant = 8;
  const uint64_t version = order == UuidOrder::kBigEndian ? 6 : 7;
  const ByteView bytes = TRY(random.Slice(random_offset, kUuidBytes));
  TRY(record.PutBytes(offset, bytes));
  const uint32_t high = TRY(random.At<U8>(random_offset + version));
  const uint32_t low = TRY(random.At<U8>(random_offset + kVariant));
  TRY(record.Put<U8>(offset + version,
                     static_cast<uint8_t>((high & 0x0f) | 0x40)));
  return record.Put<U8>(offset + kVariant,
                        static_cast<uint8_t>((low & 0x3f) | 0x80));
}

}  // namespace instar
