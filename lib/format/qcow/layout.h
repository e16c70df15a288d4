// The bytes of a qcow image of version 1. No specification was published; the
// names are those of version 2's, QEMU's docs/interop/qcow2.txt, "Header".
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::qcow {

inline constexpr uint32_t kMagic = 0x514649fb;  // "QFI\xfb"
inline constexpr uint32_t kVersion = 1;

struct HeaderLayout {
  static constexpr uint64_t kSize = 48;

  static constexpr Be32 kMagic{0};
  static constexpr Be32 kVersion{4};
  static constexpr Be64 kBackingFileOffset{8};  // 0: none
  static constexpr Be32 kBackingFileSize{16};
  static constexpr Be32 kModified{20};  // of the backing file; not looked at
  static constexpr Be64 kVirtualSize{24};
  static constexpr U8 kClusterBits{32};
  static constexpr U8 kL2Bits{33};  // entries of an L2 table, as a power of two
  static constexpr Be32 kCryptMethod{36};
  static constexpr Be64 kL1TableOffset{40};
};

enum CryptMethod : uint32_t { kCryptNone = 0, kCryptAes = 1 };

inline constexpr uint64_t kEntryBytes = 8;  // of the L1 table and the L2 tables
// Of an L2 entry. The length in bytes follows in as many bits as a cluster
// has, then the offset.
inline constexpr uint64_t kEntryCompressed = uint64_t{1} << 63;

// qemu's limits.
inline constexpr uint64_t kMinVirtualSize = 2;
inline constexpr uint64_t kMinClusterBits = 9;
inline constexpr uint64_t kMaxClusterBits = 16;
inline constexpr uint64_t kMinL2Bits = 6;
inline constexpr uint64_t kMaxL2Bits = 13;
inline constexpr uint64_t kMaxL1Entries = 0x7fffffff / kEntryBytes;
inline constexpr uint64_t kMaxBackingNameBytes = 1023;

}  // namespace instar::qcow
