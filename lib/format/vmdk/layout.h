// The bytes of VMDK files: sparse extents of three kinds and the markers of
// streams. "VDF" is VMware's "Virtual Disk Format 1.1"; COWD and SESPARSE are
// not in it and are told as qemu-img reads them. Constants only.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::vmdk {

inline constexpr uint64_t kSectorBytes = 512;

// The first four bytes of a file, as a big-endian number.
inline constexpr uint32_t kSparseMagic = 0x4b444d56;  // "KDMV"
inline constexpr uint32_t kCowdMagic = 0x434f5744;    // "COWD"

// ---- VDF, "Hosted Sparse Extents": SparseExtentHeader
// ------------------------

struct SparseLayout {
  static constexpr uint64_t kSize = 79;

  static constexpr Be32 kMagic{0};
  static constexpr Le32 kVersion{4};
  static constexpr Le32 kFlags{8};
  static constexpr Le64 kCapacity{12};          // sectors
  static constexpr Le64 kGrainSize{20};         // sectors
  static constexpr Le64 kDescriptorOffset{28};  // sectors
  static constexpr Le64 kDescriptorSize{36};    // sectors
  static constexpr Le32 kNumGtesPerGt{44};
  static constexpr Le64 kRedundantDirectoryOffset{48};  // sectors
  static constexpr Le64 kDirectoryOffset{56};           // sectors
  static constexpr Le64 kOverhead{64};                  // sectors
  static constexpr Be32 kLineEnds{73};
  static constexpr Le16 kCompression{77};
};

inline constexpr uint32_t kMaxVersion = 3;
inline constexpr uint32_t kMaxGtesPerGt = 512;
inline constexpr uint32_t kFlagLineEnds = 1 << 0;   // kLineEnds is set
inline constexpr uint32_t kFlagTwoTables = 1 << 1;  // there is a second copy
inline constexpr uint32_t kFlagZeroedGrains = 1 << 2;
inline constexpr uint32_t kFlagPacked = 1 << 16;
inline constexpr uint32_t kFlagMarkers = 1 << 17;
// Bytes that a transfer as text would change: LF, blank, CR, LF.
inline constexpr uint32_t kLineEndBytes = 0x0a200d0a;
inline constexpr uint16_t kCompressionDeflate = 1;
// Image versions: with zeroed grains 2, packed or with changed block tracking
// 3. The latter is not written to unless it is packed.
inline constexpr uint32_t kVersionPlain = 1;
inline constexpr uint32_t kVersionZeroedGrains = 2;
inline constexpr uint32_t kVersionTracked = 3;
// The directory's place stands in the footer.
inline constexpr uint64_t kDirectoryAtEnd = ~uint64_t{0};
inline constexpr uint64_t kZeroedGrain = 1;  // an entry, with kFlagZeroedGrains

// ---- VDF, "Stream-Optimized Compressed Sparse Extents"
// -----------------------

// A marker before a grain: where it belongs, how long it is packed, and the
// packed bytes themselves.
struct GrainMarkerLayout {
  static constexpr uint64_t kSize = 12;
  static constexpr Le64 kSector{0};
  static constexpr Le32 kPackedBytes{8};
};

// A marker of a sector of its own.
struct MarkerLayout {
  static constexpr Le64 kValue{0};
  static constexpr Le32 kPackedBytes{8};
  static constexpr Le32 kType{12};
};

inline constexpr uint32_t kMarkerEndOfStream = 0;
inline constexpr uint32_t kMarkerFooter = 3;

// The last three sectors: a marker, a copy of the header, the end marker.
inline constexpr uint64_t kFooterBytes = 3 * kSectorBytes;

// ---- COWD ("VMFS sparse")
// ----------------------------------------------------

struct CowdLayout {
  static constexpr uint64_t kSize = 32;

  static constexpr Le32 kCapacity{12};         // sectors
  static constexpr Le32 kGrainSize{16};        // sectors
  static constexpr Le32 kDirectoryOffset{20};  // sectors
  static constexpr Le32 kNumDirectoryEntries{24};
};

inline constexpr uint64_t kCowdTableEntries = 4096;

// ---- SESPARSE
// ----------------------------------------------------------------

struct SeSparseLayout {
  static constexpr uint64_t kSize = 512;

  static constexpr Le64 kMagic{0};
  static constexpr Le64 kVersion{8};
  static constexpr Le64 kCapacity{16};  // sectors, as all that follow
  static constexpr Le64 kGrainSize{24};
  static constexpr Le64 kGrainTableSize{32};
  static constexpr Le64 kFlags{40};
  static constexpr Le64 kReserved1{48};
  static constexpr Le64 kReserved2{56};
  static constexpr Le64 kReserved3{64};
  static constexpr Le64 kReserved4{72};
  static constexpr Le64 kVolatileHeaderOffset{80};
  static constexpr Le64 kDirectoryOffset{128};
  static constexpr Le64 kDirectorySize{136};
  static constexpr Le64 kTablesOffset{144};
  static constexpr Le64 kGrainsOffset{192};
  static constexpr uint64_t kPadding = 208;  // zeroes from here on
};

struct SeSparseVolatileLayout {
  static constexpr uint64_t kSize = 512;

  static constexpr Le64 kMagic{0};
  static constexpr U8 kReplayJournal{24};
  static constexpr uint64_t kPadding = 32;
};

inline constexpr uint64_t kSeSparseMagic = 0xcafebabe;
inline constexpr uint64_t kSeSparseVolatileMagic = 0xcafecafe;
inline constexpr uint64_t kSeSparseVersion = 0x0000'0002'0000'0001;
inline constexpr uint64_t kSeSparseGrainSectors = 8;
inline constexpr uint64_t kSeSparseTableSectors = 64;
inline constexpr uint64_t kSeSparseEntryBytes = 8;

// An entry of a SESPARSE directory: the upper half says that there is a table,
// the lower half which one.
inline constexpr uint64_t kSeTableMask = 0xffff'ffff'0000'0000;
inline constexpr uint64_t kSeTablePresent = 0x1000'0000'0000'0000;
// An entry of a SESPARSE table: four bits of kind, then the grain's number with
// its low twelve bits first.
inline constexpr uint64_t kSeKindShift = 60;
inline constexpr uint64_t kSeKindUnallocated = 0;
inline constexpr uint64_t kSeKindUnmapped = 1;
inline constexpr uint64_t kSeKindZero = 2;
inline constexpr uint64_t kSeKindAllocated = 3;
inline constexpr uint64_t kSeGrainLowMask = 0x0fff'0000'0000'0000;
inline constexpr uint64_t kSeGrainLowShift = 48;
inline constexpr uint64_t kSeGrainHighMask = 0x0000'ffff'ffff'ffff;
inline constexpr uint64_t kSeGrainHighShift = 12;

// ---- VDF, "The Descriptor File"
// ----------------------------------------------

// In sparse files qemu-img looks for the descriptor's values here, wherever the
// header says that it is, and no further than this.
inline constexpr uint64_t kEmbeddedDescriptorOffset = 0x200;
inline constexpr uint64_t kEmbeddedDescriptorBytes = 20 * kSectorBytes;
// qemu-img reads no longer descriptors; what follows is ignored.
inline constexpr uint64_t kMaxDescriptorBytes = (1 << 20) - 1;
// And takes no longer values of createType and parentFileNameHint.
inline constexpr uint64_t kMaxCreateTypeBytes = 127;
inline constexpr uint64_t kMaxParentNameBytes = 4095;
// Longest words of an extent line; the rest of a word is the next one's.
inline constexpr uint64_t kMaxWordBytes = 10;
inline constexpr uint64_t kMaxExtentNameBytes = 511;

}  // namespace instar::vmdk
