#include "lib/format/qcow2/header.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/format/qcow2/extensions.h"

namespace instar::qcow2 {
namespace {

Error Wrong(Fault fault, uint64_t value = 0) {
  return {.fault = fault, .value = value};
}

Header ParseFields(FixedView<HeaderLayout::kSize> raw) {
  using L = HeaderLayout;
  Header header = {
      .version = raw.Get<L::kVersion>(),
      .backing_file_offset = raw.Get<L::kBackingFileOffset>(),
      .backing_file_bytes = raw.Get<L::kBackingFileSize>(),
      .cluster_bits = raw.Get<L::kClusterBits>(),
      .size = raw.Get<L::kVirtualSize>(),
      .crypt_method = raw.Get<L::kCryptMethod>(),
      .num_l1_entries = raw.Get<L::kL1Size>(),
      .l1_offset = raw.Get<L::kL1TableOffset>(),
      .refcount_table_offset = raw.Get<L::kRefcountTableOffset>(),
      .refcount_table_clusters = raw.Get<L::kRefcountTableClusters>(),
      .num_snapshots = raw.Get<L::kNumSnapshots>(),
      .snapshots_offset = raw.Get<L::kSnapshotsOffset>(),
  };
  if (header.version >= 3) {
    header.incompatible = raw.Get<L::kIncompatibleFeatures>();
    header.compatible = raw.Get<L::kCompatibleFeatures>();
    header.autoclear = raw.Get<L::kAutoclearFeatures>();
    header.refcount_order = raw.Get<L::kRefcountOrder>();
    header.header_length = raw.Get<L::kHeaderLength>();
    if (header.header_length > L::kCompressionType.offset) {
      header.compression_type = raw.Get<L::kCompressionType>();
    }
  }
  return header;
}

Status CheckLengths(const Header& header) {
  if (header.version < 2 || header.version > 3) {
    return Wrong(Fault::kQcow2Version, header.version);
  }
  if (header.cluster_bits < kMinClusterBits ||
      header.cluster_bits > kMaxClusterBits) {
    return Wrong(Fault::kQcow2ClusterBits, header.cluster_bits);
  }
  if (header.version >= 3 && header.header_length < HeaderLayout::kMinSizeV3) {
    return Wrong(Fault::kQcow2HeaderTooShort);
  }
  if (header.header_length > header.cluster_size()) {
    return Wrong(Fault::kQcow2HeaderLength);
  }
  if (header.backing_file_offset > header.cluster_size()) {
    return Wrong(Fault::kQcow2BackingNameOffset);
  }
  return {};
}

Status CheckCompression(const Header& header) {
  const bool has_bit = (header.incompatible & kIncompatibleCompression) != 0;
  if (header.compression_type > 1) {
    return Wrong(Fault::kQcow2CompressionType, header.compression_type);
  }
  if (has_bit && header.compression_type == 0) {
    return Wrong(Fault::kQcow2CompressionBitSet);
  }
  if (!has_bit && header.compression_type != 0) {
    return Wrong(Fault::kQcow2CompressionBitMissing);
  }
  return {};
}

Status CheckFeatures(const Header& header, BlockCache& cache, Arena& arena) {
  const uint64_t unknown = header.incompatible & ~kKnownIncompatible;
  if (unknown != 0) {
    return UnknownFeatures(cache, header, unknown, arena);
  }
  constexpr uint64_t kMinSubclusterBytes = uint64_t{1} << kMinClusterBits;
  const uint64_t subcluster = header.cluster_size() / kSubclustersPerCluster;
  if (header.has_extended_l2() && subcluster < kMinSubclusterBytes) {
    return Wrong(Fault::kQcow2ExtendedL2Cluster, subcluster);
  }
  if (header.refcount_order > kMaxRefcountOrder) {
    return Wrong(Fault::kQcow2RefcountOrder, header.refcount_order);
  }
  return {};
}

// Whether a table starts where a cluster does and ends before 2^63.
bool IsTablePlace(const Header& header, uint64_t offset, uint64_t bytes) {
  constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();
  return bytes <= kMaxOffset && offset <= kMaxOffset - bytes &&
         offset % header.cluster_size() == 0;
}

Status CheckSnapshots(const Header& header) {
  if (header.num_snapshots > kMaxSnapshots) {
    return Wrong(Fault::kQcow2SnapshotsTooLarge);
  }
  if (!IsTablePlace(header, header.snapshots_offset,
                    header.num_snapshots * SnapshotLayout::kSize)) {
    return Wrong(Fault::kQcow2SnapshotOffset);
  }
  return {};
}

Status CheckTables(const Header& header, bool for_check) {
  if (header.refcount_table_clusters == 0 && !for_check) {
    return Wrong(Fault::kQcow2ReftableMissing);
  }
  // Counts are 32 bits wide; no product below overflows.
  const uint64_t refcount_bytes =
      header.refcount_table_clusters * header.cluster_size();
  if (refcount_bytes > kMaxRefcountTableBytes) {
    return Wrong(Fault::kQcow2ReftableTooLarge);
  }
  if (!IsTablePlace(header, header.refcount_table_offset, refcount_bytes)) {
    return Wrong(Fault::kQcow2ReftableOffset);
  }
  if (!for_check) {
    TRY(CheckSnapshots(header));
  }
  if (header.num_l1_entries > kMaxL1Bytes / kL1EntryBytes) {
    return Wrong(Fault::kQcow2L1TooLarge);
  }
  if (!IsTablePlace(header, header.l1_offset,
                    header.num_l1_entries * kL1EntryBytes)) {
    return Wrong(Fault::kQcow2L1Offset);
  }
  // As qemu's sum wraps, so does this one: the last sizes below 2^64 count as
  // none.
  const uint64_t coverage = uint64_t{1} << header.l2_coverage_bits();
  const uint64_t rounded = header.size + (coverage - 1);
  const uint64_t needed = rounded >> header.l2_coverage_bits();
  if (rounded > std::numeric_limits<int64_t>::max() ||
      needed > std::numeric_limits<int32_t>::max()) {
    return Wrong(Fault::kQcow2ImageTooBig);
  }
  if (header.num_l1_entries < needed) {
    return Wrong(Fault::kQcow2L1TooSmall);
  }
  return {};
}

// qemu reads both tables when it opens an image.
Status CheckL1Readable(const Header& header) {
  const uint64_t bytes = header.num_l1_entries * kL1EntryBytes;
  if (bytes != 0 && header.l1_offset > kMaxReadOffset - bytes) {
    return Wrong(Fault::kQcow2L1Read);
  }
  return {};
}

Status CheckRefcountsReadable(const Header& header) {
  const uint64_t bytes = header.refcount_table_clusters * header.cluster_size();
  if (bytes != 0 && header.refcount_table_offset > kMaxReadOffset - bytes) {
    return Wrong(Fault::kQcow2ReftableRead);
  }
  return {};
}

}  // namespace

Result<Header> ReadHeader(BlockCache& cache, Arena& arena, bool for_check) {
  const ByteView bytes = TRY(cache.View(0, HeaderLayout::kSize));
  const auto raw = TRY(bytes.Fixed<HeaderLayout::kSize>(0));
  if (raw.Get<HeaderLayout::kMagic>() != kMagic) {
    return Wrong(Fault::kNotInFormat);
  }
  const Header header = ParseFields(raw);
  TRY(CheckLengths(header));
  TRY(CheckCompression(header));
  TRY(CheckFeatures(header, cache, arena));
  TRY(CheckTables(header, for_check));
  TRY(CheckL1Readable(header));
  if (header.crypt_method > kCryptLuks) {
    return Wrong(Fault::kQcow2CryptMethod, header.crypt_method);
  }
  TRY(CheckRefcountsReadable(header));
  return header;
}

Status CheckSnapshotPlace(const Header& header) {
  return CheckSnapshots(header);
}

}  // namespace instar::qcow2
