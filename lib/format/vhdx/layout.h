// The bytes of a VHDX image: records, fields and states, as MS-VHDX gives them.
// Constants only.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::vhdx {

inline constexpr uint64_t kKib = 1024;
inline constexpr uint64_t kMib = 1024 * kKib;

// A GUID as two numbers, as its 16 bytes on disk read from the lower end.
struct Guid {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const Guid&) const = default;
  bool IsZero() const { return low == 0 && high == 0; }
};

// ---- 2.2 Header Section -----------------------------------------------------

struct FileIdentifierLayout {
  static constexpr uint64_t kCreator = 8;  // UTF-16
  static constexpr Le64 kSignature{0};
};
inline constexpr uint64_t kFileSignature = 0x656c696678646876;  // "vhdxfile"

inline constexpr uint64_t kHeaderOffsets[] = {64 * kKib, 128 * kKib};
inline constexpr uint64_t kRegionTableOffset = 192 * kKib;  // the first copy
inline constexpr uint64_t kRegionTableCopy = 256 * kKib;
inline constexpr uint64_t kHeaderSectionBytes = kMib;

struct HeaderLayout {
  static constexpr uint64_t kSize = 4096;
  static constexpr Le32 kSignature{0};
  static constexpr Le32 kChecksum{4};  // CRC-32C of all with this as zero
  static constexpr Le64 kSequenceNumber{8};
  static constexpr uint64_t kFileWriteGuid = 16;
  static constexpr uint64_t kDataWriteGuid = 32;
  static constexpr Le64 kLogGuidLow{48};
  static constexpr Le64 kLogGuidHigh{56};
  static constexpr Le16 kLogVersion{64};
  static constexpr Le16 kVersion{66};
  static constexpr Le32 kLogLength{68};
  static constexpr Le64 kLogOffset{72};
  static constexpr uint64_t kUsedBytes = 80;  // the rest is reserved
};
inline constexpr uint32_t kHeaderSignature = 0x64616568;  // "head"
inline constexpr uint16_t kVersion = 1;
inline constexpr uint64_t kLogAlignment = kMib;

struct RegionTableLayout {
  static constexpr uint64_t kSize = 64 * kKib;  // as its checksum covers it
  static constexpr uint64_t kHeaderSize = 16;
  static constexpr Le32 kSignature{0};
  static constexpr Le32 kChecksum{4};
  static constexpr Le32 kNumEntries{8};
};
inline constexpr uint32_t kRegionSignature = 0x69676572;  // "regi"
inline constexpr uint64_t kMaxRegions = 2047;

struct RegionEntryLayout {
  static constexpr uint64_t kSize = 32;
  static constexpr Le64 kGuidLow{0};
  static constexpr Le64 kGuidHigh{8};
  static constexpr Le64 kFileOffset{16};
  static constexpr Le32 kLength{24};
  static constexpr Le32 kFlags{28};
};
inline constexpr uint32_t kRegionRequired = 1;
inline constexpr Guid kBatRegion = {0x4200f6232dc27766, 0x084afd9b5e11649d};
inline constexpr Guid kMetadataRegion = {0x4b9a47908b7ca206,
                                         0x6e880f055f57feb8};

// ---- 2.3 Log ----------------------------------------------------------------

inline constexpr uint64_t kLogSectorBytes = 4096;

struct LogEntryLayout {
  static constexpr uint64_t kSize = 64;
  static constexpr Le32 kSignature{0};
  static constexpr Le32 kChecksum{4};     // of the whole entry
  static constexpr Le32 kEntryLength{8};  // bytes, whole sectors
  static constexpr Le32 kTail{12};        // of the sequence's first entry
  static constexpr Le64 kSequenceNumber{16};
  static constexpr Le32 kNumDescriptors{24};
  static constexpr Le64 kGuidLow{32};
  static constexpr Le64 kGuidHigh{40};
  static constexpr Le64 kFlushedFileOffset{48};
  static constexpr Le64 kLastFileOffset{56};
};
inline constexpr uint32_t kLogEntrySignature = 0x65676f6c;  // "loge"

// Descriptors follow the entry's header; the first sector holds so many less.
inline constexpr uint64_t kDescriptorsPerSector = 128;
inline constexpr uint64_t kHeaderDescriptors = 2;

struct DescriptorLayout {
  static constexpr uint64_t kSize = 32;
  static constexpr Le32 kSignature{0};
  static constexpr Le32 kTrailingBytes{4};  // data: the sector's last bytes
  static constexpr Le64 kLeadingBytes{8};   // data: the sector's first bytes
  static constexpr Le64 kZeroLength{8};     // zeroes: how many
  static constexpr Le64 kFileOffset{16};
  static constexpr Le64 kSequenceNumber{24};
};
inline constexpr uint32_t kZeroSignature = 0x6f72657a;  // "zero"
inline constexpr uint32_t kDataSignature = 0x63736564;  // "desc"

struct DataSectorLayout {
  static constexpr Le32 kSignature{0};
  static constexpr Le32 kSequenceHigh{4};
  static constexpr uint64_t kBodyOffset = 8;
  static constexpr uint64_t kBodyBytes = 4084;
  static constexpr Le32 kSequenceLow{4092};
};
inline constexpr uint32_t kDataSectorSignature = 0x61746164;  // "data"

// ---- 2.5 BAT ----------------------------------------------------------------

inline constexpr uint64_t kBatEntryBytes = 8;
inline constexpr uint64_t kBatStateMask = 7;
inline constexpr uint64_t kBatOffsetMask = ~uint64_t{kMib - 1};

// 2.5.1.1 Payload BAT Entry States
enum PayloadState : uint64_t {
  kPayloadNotPresent = 0,
  kPayloadUndefined = 1,
  kPayloadZero = 2,
  kPayloadUnmappedV1 = 3,  // of drafts of the format
  kPayloadUnmapped = 5,
  kPayloadFullyPresent = 6,
  kPayloadPartiallyPresent = 7,
};

// Every so many sectors a sector bitmap block has an entry of its own.
inline constexpr uint64_t kSectorsPerBitmapBlock = uint64_t{1} << 23;

// ---- 2.6 Metadata Region ----------------------------------------------------

struct MetadataTableLayout {
  static constexpr uint64_t kSize = 64 * kKib;
  static constexpr uint64_t kHeaderSize = 32;
  static constexpr Le64 kSignature{0};
  static constexpr Le16 kNumEntries{10};
};
inline constexpr uint64_t kMetadataSignature =
    0x617461646174656d;  // "metadata"
inline constexpr uint64_t kMaxMetadataItems = 2047;

struct MetadataEntryLayout {
  static constexpr uint64_t kSize = 32;
  static constexpr Le64 kGuidLow{0};
  static constexpr Le64 kGuidHigh{8};
  static constexpr Le32 kOffset{16};  // from the region's start
  static constexpr Le32 kLength{20};
  static constexpr Le32 kFlags{24};
};
inline constexpr uint32_t kMetadataIsVirtualDisk = 2;
inline constexpr uint32_t kMetadataRequired = 4;

// 2.6.2 Known Metadata Items, in the order of these GUIDs.
enum MetadataItem : uint8_t {
  kFileParameters,
  kVirtualDiskSize,
  kVirtualDiskId,
  kLogicalSectorSize,
  kPhysicalSectorSize,
  kParentLocator,
};
inline constexpr uint64_t kNumMetadataItems = 6;
inline constexpr Guid kMetadataGuids[kNumMetadataItems] = {
    {0x4d43fa36caa16737, 0x6be744aaf033b6b3},
    {0x4876cd1b2fa54224, 0xb8f43bd8be5d11b2},
    {0x4523b2e6beca12ab, 0x46c700e009c3ef93},
    {0x4709a96f8141bf1d, 0x5fabfaa833f247ba},
    {0x4471445dcda348c7, 0x56c5515288e9c99c},
    {0x454db30ba8d35f2d, 0x0cab3448d8d3f7ab},
};

// 2.6.2.1 File Parameters
struct FileParametersLayout {
  static constexpr uint64_t kSize = 8;
  static constexpr Le32 kBlockSize{0};
  static constexpr Le32 kFlags{4};
};
inline constexpr uint32_t kLeaveBlocksAllocated = 1;  // a fixed disk
inline constexpr uint32_t kHasParent = 2;
inline constexpr uint64_t kMinBlockBytes = kMib;
inline constexpr uint64_t kMaxBlockBytes = 256 * kMib;

// qemu reads images with this one only.
inline constexpr uint64_t kSectorBytes = 512;

}  // namespace instar::vhdx
