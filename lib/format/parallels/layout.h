// The bytes of a Parallels image, as QEMU's docs/interop/parallels.txt gives
// them.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::parallels {

inline constexpr uint64_t kSectorBytes = 512;

// ---- parallels.txt, "Header" ------------------------------------------------

inline constexpr uint64_t kMagicBytes = 16;
// BAT entries count sectors, and the size is 32 bits wide.
inline constexpr char kMagicOld[] = "WithoutFreeSpace";
// BAT entries count clusters, and the size is 64 bits wide.
inline constexpr char kMagicExtended[] = "WithouFreSpacExt";
inline constexpr uint32_t kVersion = 2;
inline constexpr uint32_t kInUse = 0x746f6e59;

struct HeaderLayout {
  static constexpr uint64_t kSize = 64;  // the BAT follows

  static constexpr Le32 kVersion{16};
  static constexpr Le32 kHeads{20};
  static constexpr Le32 kCylinders{24};
  static constexpr Le32 kTracks{28};  // length of a cluster, sectors
  static constexpr Le32 kBatEntries{32};
  static constexpr Le64 kNumSectors{36};
  static constexpr Le32 kInUse{44};
  static constexpr Le32 kDataOffset{48};  // sector; 0: behind the BAT
  static constexpr Le32 kFlags{52};
  static constexpr Le64 kExtensionOffset{56};  // sector; 0: none
};

inline constexpr uint64_t kBatEntryBytes = 4;  // Le32; 0: unallocated

// qemu's limits.
inline constexpr uint64_t kMaxTracks = 0x7fffffff / 513;
inline constexpr uint64_t kMaxBatEntries = 0x7fffffff / kBatEntryBytes;

// The checksum of an extension covers a cluster, which the header may make 2
// GiB long: seconds of work for an image of a few bytes. Real clusters have 1
// MiB.
inline constexpr uint64_t kMaxHashedBytes = 32 << 20;

// ---- parallels.txt, "Format Extension" --------------------------------------

inline constexpr uint64_t kExtensionMagic = 0xab234cef23dcea87;

struct ExtensionLayout {
  static constexpr uint64_t kSize =
      24;  // features follow, to the cluster's end
  static constexpr Le64 kMagic{0};
  static constexpr uint64_t kChecksumOffset = 8;  // MD5 of what follows it
  static constexpr uint64_t kChecksumBytes = 16;
};

struct FeatureLayout {
  static constexpr uint64_t kSize = 24;  // data follows, padded to 8 bytes
  static constexpr Le64 kMagic{0};
  static constexpr Le64 kFlags{8};
  static constexpr Le32 kDataSize{16};
};

enum FeatureMagic : uint64_t {
  kEndOfFeatures = 0,
  kDirtyBitmap = 0x20385fae252cb34a,
};

// ---- parallels.txt, "Dirty bitmaps feature" ---------------------------------

struct BitmapLayout {
  static constexpr uint64_t kSize = 32;  // the L1 table follows
  static constexpr Le64 kNumSectors{0};
  static constexpr uint64_t kIdOffset = 8;
  static constexpr uint64_t kIdBytes = 16;
  static constexpr Le32 kGranularity{24};  // sectors
  static constexpr Le32 kL1Entries{28};
};
inline constexpr uint64_t kBitmapL1EntryBytes = 8;

}  // namespace instar::parallels
