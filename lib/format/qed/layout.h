// The bytes of a QED image, as QEMU's docs/interop/qed_spec.txt gives them.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::qed {

// ---- qed_spec.txt, "Header" -------------------------------------------------

inline constexpr uint32_t kMagic = 0x00444551;  // "QED\0"

struct HeaderLayout {
  static constexpr uint64_t kSize = 64;

  static constexpr Le32 kMagic{0};
  static constexpr Le32 kClusterSize{4};  // bytes
  static constexpr Le32 kTableSize{8};    // of an L1 or L2 table, clusters
  static constexpr Le32 kHeaderSize{12};  // clusters
  static constexpr Le64 kFeatures{16};
  static constexpr Le64 kCompatibleFeatures{24};
  static constexpr Le64 kAutoclearFeatures{32};
  static constexpr Le64 kL1TableOffset{40};
  static constexpr Le64 kImageSize{48};  // bytes
  static constexpr Le32 kBackingFileOffset{56};
  static constexpr Le32 kBackingFileSize{60};
};

enum Feature : uint64_t {
  kBackingFile = 1 << 0,
  kNeedCheck = 1 << 1,
  kBackingFormatNoProbe = 1 << 2,  // the backing file is raw
};
inline constexpr uint64_t kKnownFeatures = 7;

// qemu's limits.
inline constexpr uint64_t kMinClusterSize = 4 << 10;
inline constexpr uint64_t kMaxClusterSize = 64 << 20;
inline constexpr uint64_t kMaxTableClusters = 16;
inline constexpr uint64_t kMaxBackingNameBytes = 4095;

// ---- qed_spec.txt, "Tables" -------------------------------------------------

inline constexpr uint64_t kEntryBytes = 8;
// Entries that are no offsets.
inline constexpr uint64_t kUnallocated = 0;
inline constexpr uint64_t kZeroCluster = 1;  // of an L2 table only

}  // namespace instar::qed
