// The bytes of a LUKS1 header, as the "LUKS On-Disk Format Specification
// Version 1.2.3", section 2.3, gives them. Constants only.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::luks {

// ---- "The partition header layout", figure 1 --------------------------------

struct HeaderLayout {
  static constexpr uint64_t kSize = 592;  // with all key slots

  static constexpr uint64_t kMagicOffset = 0;  // "LUKS\xba\xbe"
  static constexpr Be16 kVersion{6};
  static constexpr uint64_t kCipherNameOffset = 8;
  static constexpr uint64_t kCipherModeOffset = 40;
  static constexpr uint64_t kHashSpecOffset = 72;
  static constexpr uint64_t kNameBytes = 32;  // of each; padded with zeroes
  static constexpr Be32 kPayloadOffset{104};  // sectors
  static constexpr Be32 kKeyBytes{108};
  static constexpr Be32 kMasterKeyIterations{164};
  static constexpr uint64_t kUuidOffset = 168;
  static constexpr uint64_t kUuidBytes = 40;
  static constexpr uint64_t kSlotsOffset = 208;
};

// ---- "Key slot layout", figure 2 --------------------------------------------

struct SlotLayout {
  static constexpr uint64_t kSize = 48;

  static constexpr Be32 kState{0};
  static constexpr Be32 kIterations{4};
  static constexpr Be32 kKeyMaterialOffset{40};  // sectors
  static constexpr Be32 kStripes{44};
};

inline constexpr uint64_t kMagicBytes = 6;
inline constexpr uint8_t kMagic[kMagicBytes] = {'L', 'U', 'K', 'S', 0xba, 0xbe};
inline constexpr uint32_t kVersion1 = 1;
inline constexpr uint64_t kSectorBytes = 512;
inline constexpr uint32_t kSlotDisabled = 0x0000dead;
inline constexpr uint32_t kSlotEnabled = 0x00ac71f3;

// What anti-forensic splitting uses everywhere (section 2.4).
inline constexpr uint64_t kStripes = 4000;

}  // namespace instar::luks
