// The bytes of an Apple disk image (UDIF), as Apple never published and
// "Demystifying the DMG File Format" (newosxbook.com/DMG.html) gives them in
// UDIFResourceFile and BLKXTable. Constants only.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::dmg {

inline constexpr uint64_t kSectorBytes = 512;

// ---- UDIFResourceFile, the trailer ------------------------------------------

inline constexpr uint32_t kTrailerMagic = 0x6b6f6c79;  // "koly"

struct TrailerLayout {
  static constexpr uint64_t kSize = 512;

  static constexpr Be64 kDataForkOffset{0x18};
  static constexpr Be64 kResourceOffset{0x28};
  static constexpr Be64 kResourceBytes{0x30};
  static constexpr Be64 kXmlOffset{0xd8};
  static constexpr Be64 kXmlBytes{0xe0};
  static constexpr Be64 kNumSectors{0x1ec};
};

// ---- The resource fork (Inside Macintosh, "Resource File Format") -----------

struct ResourceLayout {
  static constexpr uint64_t kSize = 16;

  static constexpr Be32 kDataOffset{0};  // each resource: its length, its bytes
  static constexpr Be32 kDataBytes{8};
};

// ---- BLKXTable, one partition -----------------------------------------------

inline constexpr uint32_t kTableMagic = 0x6d697368;  // "mish"

struct TableLayout {
  static constexpr uint64_t kSize = 204;  // the chunks follow

  static constexpr Be32 kMagic{0};
  static constexpr Be64 kFirstSector{8};
  static constexpr Be64 kDataOffset{0x18};  // in the data fork
};

// ---- BLKXChunkEntry ---------------------------------------------------------

struct ChunkLayout {
  static constexpr uint64_t kSize = 40;

  static constexpr Be32 kType{0};
  static constexpr Be64 kSector{8};  // from the partition's first
  static constexpr Be64 kNumSectors{0x10};
  static constexpr Be64 kOffset{0x18};  // from the partition's data
  static constexpr Be64 kBytes{0x20};
};

enum ChunkType : uint32_t {
  kChunkZero = 0,
  kChunkRaw = 1,
  kChunkIgnored = 2,  // reads as zeroes too
  kChunkZlib = 0x80000005,
  kChunkBzip2 = 0x80000006,
};

// qemu's caps: an XML text of 16 MiB, chunks of 64 MiB, packed or not.
inline constexpr uint64_t kMaxXmlBytes = 16 << 20;
inline constexpr uint64_t kMaxChunkBytes = 64 << 20;
inline constexpr uint64_t kMaxChunkSectors = kMaxChunkBytes / kSectorBytes;

}  // namespace instar::dmg
