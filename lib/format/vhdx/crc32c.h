// CRC-32C (Castagnoli), which seals headers, region tables and log entries.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::vhdx {

class Crc32c {
 public:
  void Add(ByteView bytes);
  // The checksum of all that was added.
  uint32_t value() const { return ~state_; }

 private:
  uint32_t state_ = ~uint32_t{0};
};

// Adds the first bytes of a sealed record, with its checksum (the four bytes
// at 4) as zeroes. REQUIRES: there are at least eight.
void AddSealed(Crc32c& crc, ByteView bytes);

// Puts the checksum of a record into it. REQUIRES: it has at least eight bytes.
void Seal(const MutableBytes& record);

// Whether a record's checksum is that of its bytes.
bool IsSealed(ByteView record);

}  // namespace instar::vhdx
