// The bytes of a VHD image ("vpc" in qemu's words), as Microsoft's "Virtual
// Hard Disk Image Format Specification" 1.0 gives them. All numbers are
// big-endian. Constants only.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::vpc {

inline constexpr uint64_t kSectorBytes = 512;

// ---- "Hard Disk Footer Format" ----------------------------------------------

// "conectix", the cookie.
inline constexpr uint64_t kFooterCookie = 0x636f6e6563746978;

struct FooterLayout {
  static constexpr uint64_t kSize = 512;

  static constexpr Be64 kCookie{0};
  static constexpr Be32 kFeatures{8};
  static constexpr Be32 kVersion{12};
  static constexpr Be64 kDataOffset{16};  // of the dynamic disk header
  static constexpr Be32 kTimestamp{24};   // seconds since kEpoch
  static constexpr Be32 kCreator{28};     // application, four characters
  static constexpr Be32 kCreatorVersion{32};
  static constexpr Be32 kCreatorHost{36};  // operating system, likewise
  static constexpr Be64 kOriginalSize{40};
  static constexpr Be64 kCurrentSize{48};
  static constexpr Be16 kCylinders{56};
  static constexpr U8 kHeads{58};
  static constexpr U8 kSectorsPerTrack{59};
  static constexpr Be32 kDiskType{60};
  static constexpr Be32 kChecksum{64};
  static constexpr uint64_t kUniqueId = 68;
};

inline constexpr uint32_t kFeatureReserved = 2;  // always set
inline constexpr uint32_t kFileVersion = 0x10000;
inline constexpr uint64_t kNoOffset = ~uint64_t{0};
inline constexpr uint64_t kEpoch = 946684800;  // 2000-01-01 in Unix time
inline constexpr uint32_t kWrittenCreatorVersion = 0x50003;

enum DiskType : uint32_t {
  kDiskFixed = 2,
  kDiskDynamic = 3,
  kDiskDifferencing = 4,
};

// The largest geometry that there is, in sectors. A disk that has it may be
// larger.
inline constexpr uint64_t kMaxGeometrySectors = 65535 * 16 * 255;

// 2040 GiB: the most that offsets of 32 bits in sectors leave for data. qemu
// refuses larger disks.
inline constexpr uint64_t kMaxDiskSectors = 0xff000000;

// Four characters as kCreator reads them.
constexpr uint32_t CreatorOf(const char (&text)[5]) {
  uint32_t value = 0;
  for (const char letter : {text[0], text[1], text[2], text[3]}) {
    value = value << 8 | static_cast<uint8_t>(letter);
  }
  return value;
}

// ---- "Dynamic Disk Header Format" -------------------------------------------

// "cxsparse", the cookie.
inline constexpr uint64_t kDynamicCookie = 0x6378737061727365;

struct DynamicLayout {
  static constexpr uint64_t kSize = 1024;

  static constexpr Be64 kCookie{0};
  static constexpr Be64 kDataOffset{8};  // unused: kNoOffset
  static constexpr Be64 kTableOffset{16};
  static constexpr Be32 kVersion{24};
  static constexpr Be32 kMaxTableEntries{28};
  static constexpr Be32 kBlockSize{32};
  static constexpr Be32 kChecksum{36};
};

// ---- "Block Allocation Table and Data Blocks" -------------------------------

// An entry is the sector where a block's bitmap begins; the data follow it.
inline constexpr uint64_t kEntryBytes = 4;
inline constexpr uint64_t kUnallocated = 0xffffffff;

// qemu's cap: the table has less than 2 GiB.
inline constexpr uint64_t kMaxTableEntries = 0x7fffffff / kEntryBytes;

}  // namespace instar::vpc
