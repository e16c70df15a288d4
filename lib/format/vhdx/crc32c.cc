#include "lib/format/vhdx/crc32c.h"

#include <array>

namespace instar::vhdx {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table = {};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) {
      rest = rest >> 1 ^ ((rest & 1) != 0 ? kPolynomial : 0);
    }
    table[byte] = rest;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kTable = MakeTable();
constexpr uint64_t kChecksumOffset = 4;
constexpr Le32 kChecksum{kChecksumOffset};

}  // namespace

void Crc32c::Add(ByteView bytes) {
  uint32_t state = state_;
  uint64_t at = 0;
  for (; bytes.size() - at >= 8; at += 8) {
    uint64_t word = bytes.At<Le64>(at).value();
    for (int i = 0; i < 8; ++i) {
      state = state >> 8 ^ kTable[(state ^ word) & 0xff];
      word >>= 8;
    }
  }
  for (; at < bytes.size(); ++at) {
    const uint8_t byte = bytes.At<U8>(at).value();
    state = state >> 8 ^ kTable[(state ^ byte) & 0xff];
  }
  state_ = state;
}

void AddSealed(Crc32c& crc, ByteView bytes) {
  constexpr uint8_t kZeroes[4] = {};
  constexpr uint64_t kBehind = kChecksumOffset + sizeof kZeroes;
  crc.Add(bytes.Prefix(kChecksumOffset));
  crc.Add(ByteView(kZeroes, sizeof kZeroes));
  crc.Add(bytes.Slice(kBehind, bytes.size() - kBehind).value());
}

void Seal(const MutableBytes& record) {
  Crc32c crc;
  AddSealed(crc, record.view());
  record.Put<Le32>(kChecksum.offset, crc.value()).value();
}

bool IsSealed(ByteView record) {
  const auto checksum = record.At<Le32>(kChecksum.offset);
  if (!checksum.ok() || record.size() < 8) {
    return false;
  }
  Crc32c crc;
  AddSealed(crc, record);
  return crc.value() == checksum.value();
}

}  // namespace instar::vhdx
