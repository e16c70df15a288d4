#include <algorithm>
#include <string>

#include "lib/format/facts.h"
#include "lib/format/luks/layout.h"
#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

std::vector<uint8_t> LuksHeader() {
  using L = luks::HeaderLayout;
  using S = luks::SlotLayout;
  constexpr uint32_t kKeyBytes = 32;
  constexpr uint32_t kFirstSector = 8;
  constexpr uint32_t kSlotSectors = 256;  // 32 * 4000 bytes, in whole 4 KiB
  std::vector<uint8_t> out(L::kSize, 0);
  const auto text = [&out](uint64_t offset, const std::string& value) {
    std::copy(value.begin(), value.end(),
              out.begin() + static_cast<int64_t>(offset));
  };
  const auto put = [&out](uint64_t base, auto field, auto value) {
    decltype(field)::Encode(out.data() + base + field.offset, value);
  };
  std::copy_n(luks::kMagic, luks::kMagicBytes, out.begin());
  put(0, L::kVersion, uint16_t{1});
  text(L::kCipherNameOffset, "aes");
  text(L::kCipherModeOffset, "cbc-essiv:sha256");
  text(L::kHashSpecOffset, "sha256");
  put(0, L::kPayloadOffset, kFirstSector + 8 * kSlotSectors);
  put(0, L::kKeyBytes, kKeyBytes);
  put(0, L::kMasterKeyIterations, uint32_t{1000});
  text(L::kUuidOffset, "01234567-89ab-cdef-0123-456789abcdef");
  for (uint32_t i = 0; i < LuksFacts::kNumSlots; ++i) {
    const uint64_t slot = L::kSlotsOffset + i * S::kSize;
    put(slot, S::kState, i == 1 ? luks::kSlotEnabled : luks::kSlotDisabled);
    put(slot, S::kIterations, uint32_t{i == 1 ? 5000U : 0U});
    put(slot, S::kKeyMaterialOffset, kFirstSector + i * kSlotSectors);
    put(slot, S::kStripes, static_cast<uint32_t>(luks::kStripes));
  }
  return out;
}

// Opening a LUKS image as the conformance tests do wants a key, which there is
// no way to name.
std::vector<Seed> LuksSeeds() {
  return {};
}

}  // namespace instar::fakes
