// The bytes of a qcow2 image: records, fields and bits, as QEMU's
// docs/interop/qcow2.txt gives them. Constants only.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::qcow2 {

// ---- qcow2.txt, "Header" ----------------------------------------------------

inline constexpr uint32_t kMagic = 0x514649fb;  // "QFI\xfb"

struct HeaderLayout {
  static constexpr uint64_t kSizeV2 = 72;
  static constexpr uint64_t kMinSizeV3 = 104;
  static constexpr uint64_t kSize = 112;  // with the compression type, padded

  static constexpr Be32 kMagic{0};
  static constexpr Be32 kVersion{4};
  static constexpr Be64 kBackingFileOffset{8};
  static constexpr Be32 kBackingFileSize{16};
  static constexpr Be32 kClusterBits{20};
  static constexpr Be64 kVirtualSize{24};
  static constexpr Be32 kCryptMethod{32};
  static constexpr Be32 kL1Size{36};
  static constexpr Be64 kL1TableOffset{40};
  static constexpr Be64 kRefcountTableOffset{48};
  static constexpr Be32 kRefcountTableClusters{56};
  static constexpr Be32 kNumSnapshots{60};
  static constexpr Be64 kSnapshotsOffset{64};
  // Version 3 only.
  static constexpr Be64 kIncompatibleFeatures{72};
  static constexpr Be64 kCompatibleFeatures{80};
  static constexpr Be64 kAutoclearFeatures{88};
  static constexpr Be32 kRefcountOrder{96};
  static constexpr Be32 kHeaderLength{100};
  // Only where the header is longer than 104 bytes.
  static constexpr U8 kCompressionType{104};
};

enum IncompatibleFeature : uint64_t {
  kIncompatibleDirty = 1 << 0,
  kIncompatibleCorrupt = 1 << 1,
  kIncompatibleDataFile = 1 << 2,
  kIncompatibleCompression = 1 << 3,
  kIncompatibleExtendedL2 = 1 << 4,
};
inline constexpr uint64_t kKnownIncompatible = 0x1f;

enum CompatibleFeature : uint64_t { kCompatibleLazyRefcounts = 1 << 0 };

enum AutoclearFeature : uint64_t {
  kAutoclearBitmaps = 1 << 0,
  kAutoclearRawDataFile = 1 << 1,
};

inline constexpr uint64_t kMinClusterBits = 9;
inline constexpr uint64_t kMaxClusterBits = 21;
inline constexpr uint32_t kDefaultRefcountOrder = 4;
inline constexpr uint32_t kMaxRefcountOrder = 6;
inline constexpr uint64_t kMaxBackingNameBytes = 1023;

enum CryptMethod : uint32_t { kCryptNone = 0, kCryptAes = 1, kCryptLuks = 2 };

// qemu reads nothing that ends behind this.
inline constexpr uint64_t kMaxReadOffset = 0x7fffffffc0000000;

// qemu's caps on tables, bytes.
inline constexpr uint64_t kMaxL1Bytes = 32 << 20;
inline constexpr uint64_t kMaxRefcountTableBytes = 8 << 20;
inline constexpr uint64_t kMaxSnapshots = 65536;
inline constexpr uint64_t kMaxSnapshotTableBytes = 64 << 20;
inline constexpr uint64_t kMaxSnapshotExtraBytes = 1024;

// ---- qcow2.txt, "Header extensions" -----------------------------------------

struct ExtensionLayout {
  static constexpr uint64_t kSize = 8;  // data follows, padded to 8 bytes
  static constexpr Be32 kType{0};
  static constexpr Be32 kLength{4};
};

enum ExtensionType : uint32_t {
  kExtensionEnd = 0,
  kExtensionBackingFormat = 0xe2792aca,
  kExtensionFeatureNames = 0x6803f857,
  kExtensionBitmaps = 0x23852875,
  kExtensionEncryption = 0x0537be77,
  kExtensionDataFile = 0x44415441,
};

// An entry of the feature name table.
struct FeatureNameLayout {
  static constexpr uint64_t kSize = 48;
  static constexpr U8 kType{0};  // FeatureType
  static constexpr U8 kBit{1};
  static constexpr uint64_t kNameOffset = 2;
  static constexpr uint64_t kNameBytes = 46;  // padded with zeroes
};
enum FeatureType : uint8_t {
  kFeatureIncompatible = 0,
  kFeatureCompatible = 1,
  kFeatureAutoclear = 2,
};

struct BitmapsExtensionLayout {
  static constexpr uint64_t kSize = 24;
  static constexpr Be32 kNumBitmaps{0};
  static constexpr Be32 kReserved{4};
  static constexpr Be64 kDirectorySize{8};
  static constexpr Be64 kDirectoryOffset{16};
};

struct EncryptionExtensionLayout {
  static constexpr uint64_t kSize = 16;
  static constexpr Be64 kOffset{0};
  static constexpr Be64 kLength{8};
};

// ---- qcow2.txt, "Cluster mapping" -------------------------------------------

// Bits of an L1 entry.
inline constexpr uint64_t kL1OffsetMask = 0x00fffffffffffe00;

// Bits of an L2 entry.
inline constexpr uint64_t kL2OffsetMask = 0x00fffffffffffe00;
inline constexpr uint64_t kEntryCopied = uint64_t{1} << 63;
inline constexpr uint64_t kEntryCompressed = uint64_t{1} << 62;
inline constexpr uint64_t kEntryZero = 1;  // v3 without extended L2 only

// Reserved bits of an L1 entry and of an L2 entry of a cluster that is not
// compressed.
inline constexpr uint64_t kL1ReservedMask = 0x7f000000000001ff;
inline constexpr uint64_t kL2ReservedMask = 0x3f000000000001fe;

inline constexpr uint64_t kL1EntryBytes = 8;
inline constexpr uint64_t kL2EntryBytes = 8;
inline constexpr uint64_t kExtendedL2EntryBytes = 16;  // entry, then bitmap
inline constexpr uint64_t kSubclustersPerCluster = 32;
// Of an extended entry's bitmap: bit n, subcluster n is allocated; bit 32 + n,
// it reads as zeroes.
inline constexpr uint64_t kSubclusterZeroShift = 32;

// A compressed cluster's length is stored in units of this.
inline constexpr uint64_t kCompressedSectorBytes = 512;

// ---- qcow2.txt, "Host cluster management" -----------------------------------

inline constexpr uint64_t kRefcountTableEntryBytes = 8;
inline constexpr uint64_t kRefcountTableOffsetMask = 0xfffffffffffffe00;
inline constexpr uint64_t kRefcountTableReservedMask = 0x1ff;

// ---- qcow2.txt, "Snapshots" -------------------------------------------------

struct SnapshotLayout {
  static constexpr uint64_t kSize =
      40;  // then extra data, id, name; padded to 8
  static constexpr Be64 kL1TableOffset{0};
  static constexpr Be32 kL1Size{8};
  static constexpr Be16 kIdBytes{12};
  static constexpr Be16 kNameBytes{14};
  static constexpr Be32 kDateSec{16};
  static constexpr Be32 kDateNsec{20};
  static constexpr Be64 kVmClockNsec{24};
  static constexpr Be32 kVmStateSize32{32};
  static constexpr Be32 kExtraBytes{36};
};
struct SnapshotExtraLayout {
  static constexpr uint64_t kSize = 24;  // others may follow
  static constexpr Be64 kVmStateSize{0};
  static constexpr Be64 kDiskSize{8};
  static constexpr Be64 kIcount{16};
};

// ---- qcow2.txt, "Bitmaps" ---------------------------------------------------

struct BitmapEntryLayout {
  static constexpr uint64_t kSize = 24;  // then extra data, name; padded to 8
  static constexpr Be64 kTableOffset{0};
  static constexpr Be32 kTableEntries{8};
  static constexpr Be32 kFlags{12};
  static constexpr U8 kType{16};
  static constexpr U8 kGranularityBits{17};
  static constexpr Be16 kNameBytes{18};
  static constexpr Be32 kExtraBytes{20};
};
enum BitmapFlag : uint32_t { kBitmapInUse = 1, kBitmapAuto = 2 };
inline constexpr uint32_t kKnownBitmapFlags = 3;
inline constexpr uint8_t kBitmapTypeDirtyTracking = 1;
inline constexpr uint64_t kMaxBitmaps = 65535;
inline constexpr uint64_t kMaxBitmapDirectoryBytes = uint64_t{65535} * 1024;
inline constexpr uint64_t kMaxBitmapNameBytes = 1023;
inline constexpr uint64_t kMaxBitmapTableEntries = 0x8000000;
inline constexpr uint64_t kMaxBitmapStoredBytes = 0x20000000;
// Bits of a bitmap table entry.
inline constexpr uint64_t kBitmapTableOffsetMask = 0x00fffffffffffe00;
inline constexpr uint64_t kBitmapTableReservedMask = 0xff000000000001fe;
inline constexpr uint64_t kBitmapTableAllOnes = 1;  // where the offset is 0
inline constexpr uint64_t kMinBitmapGranularityBits = 9;
inline constexpr uint64_t kMaxBitmapGranularityBits = 31;

}  // namespace instar::qcow2
