// The bytes of a VDI image, version 1.1, as VirtualBox writes them. There is no
// specification but the description by its authors, "[VDI] A guide to the
// format" in the VirtualBox forum, and the programs. All numbers are
// little-endian. Constants only.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::vdi {

inline constexpr uint32_t kSignature = 0xbeda107f;
inline constexpr uint64_t kSectorBytes = 512;

// ---- "Pre-header" and "Header" ----------------------------------------------

struct HeaderLayout {
  static constexpr uint64_t kSize = 512;

  // 64 bytes of text for people come first.
  static constexpr Le32 kSignature{64};
  static constexpr Le16 kMinorVersion{68};
  static constexpr Le16 kMajorVersion{70};
  static constexpr Le32 kHeaderBytes{72};
  static constexpr Le32 kImageType{76};
  static constexpr Le32 kMapOffset{340};
  static constexpr Le32 kDataOffset{344};
  static constexpr Le32 kSectorSize{360};
  static constexpr Le64 kDiskSize{368};
  static constexpr Le32 kBlockSize{376};
  static constexpr Le32 kNumBlocks{384};
  static constexpr Le32 kNumAllocated{388};
  // Identifiers of 16 bytes: of the image, of its state, of the last snapshot's
  // image, of the parent.
  static constexpr uint64_t kImageId = 392;
  static constexpr uint64_t kStateId = 408;
  static constexpr uint64_t kLinkId = 424;
  static constexpr uint64_t kParentId = 440;
  static constexpr uint64_t kIdBytes = 16;
};

enum ImageType : uint32_t { kTypeDynamic = 1, kTypeStatic = 2 };

inline constexpr uint32_t kMajorVersion = 1;
inline constexpr uint32_t kMinorVersion = 1;

// The text that qemu-img writes, and the length of the header behind it.
inline constexpr char kWrittenText[] = "<<< QEMU VM Virtual Disk Image >>>\n";
inline constexpr uint32_t kWrittenHeaderBytes = 0x180;

// The one size of blocks that qemu reads.
inline constexpr uint64_t kBlockBytes = 1 << 20;

// ---- "Image block map" ------------------------------------------------------

// An entry is the number of a block in the data area.
inline constexpr uint64_t kEntryBytes = 4;
// Never written, or written and given back: both read as zeroes. They are the
// two highest values.
inline constexpr uint64_t kDiscarded = 0xfffffffe;
inline constexpr uint64_t kUnallocated = 0xffffffff;

// qemu's cap: the map fits one read of less than 2 GiB.
inline constexpr uint64_t kMaxBlocks =
    ((uint64_t{1} << 31) - HeaderLayout::kSize) / kEntryBytes;
inline constexpr uint64_t kMaxDiskBytes = kMaxBlocks * kBlockBytes;

}  // namespace instar::vdi
