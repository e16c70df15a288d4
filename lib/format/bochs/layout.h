// The bytes of a Bochs redolog image, as Bochs' iodev/hdimage/hdimage.h gives
// them in redolog_header_t and redolog_specific_header_t. Constants only.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::bochs {

// ---- redolog_standard_header_t, redolog_specific_header_t -------------------

struct HeaderLayout {
  static constexpr uint64_t kSize = 512;

  static constexpr uint64_t kMagicOffset = 0;     // 32 bytes of text
  static constexpr uint64_t kTypeOffset = 32;     // 16
  static constexpr uint64_t kSubtypeOffset = 48;  // 16
  static constexpr Le32 kVersion{64};
  static constexpr Le32 kHeaderBytes{68};
  static constexpr Le32 kCatalogEntries{72};
  static constexpr Le32 kBitmapBytes{76};  // of one extent's bitmap
  static constexpr Le32 kExtentBytes{80};
  static constexpr Le64 kDiskBytesV1{84};
  static constexpr Le64 kDiskBytesV2{88};
};

inline constexpr uint32_t kVersion1 = 0x10000;
inline constexpr uint32_t kVersion2 = 0x20000;

inline constexpr uint64_t kSectorBytes = 512;

// An entry of the catalog: the extent's number in the file.
inline constexpr uint32_t kUnallocated = 0xffffffff;

// qemu's caps: a catalog of 4 MiB, extents of 8 MiB.
inline constexpr uint64_t kMaxCatalogEntries = 0x100000;
inline constexpr uint64_t kMinExtentBytes = 512;
inline constexpr uint64_t kMaxExtentBytes = 0x800000;

}  // namespace instar::bochs
