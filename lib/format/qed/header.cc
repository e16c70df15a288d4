#include "lib/format/qed/header.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/format/host_extents.h"
#include "lib/format/limits.h"

namespace instar::qed {
namespace {

Error Wrong(Fault fault, uint64_t value, uint64_t value2 = 0) {
  return {.fault = fault, .value = value, .value2 = value2};
}

// Whether two levels of tables map `size` bytes. Where they would map 2^64 or
// more, qemu-img's product is 0.
bool IsMappable(const Header& header, uint64_t size) {
  const uint64_t entries = header.table_entries();
  return size <= header.cluster_size * entries * entries;
}

Status CheckFields(const Header& header) {
  if ((header.features & ~kKnownFeatures) != 0) {
    return Wrong(Fault::kQedFeatures, header.features & ~kKnownFeatures);
  }
  if (!IsPowerOfTwo(header.cluster_size) ||
      header.cluster_size < kMinClusterSize ||
      header.cluster_size > kMaxClusterSize) {
    return Wrong(Fault::kQedClusterSize, header.cluster_size);
  }
  if (!IsPowerOfTwo(header.table_clusters) ||
      header.table_clusters > kMaxTableClusters) {
    return Wrong(Fault::kQedTableSize, header.table_clusters);
  }
  if (header.image_size % 512 != 0 || !IsMappable(header, header.image_size)) {
    return Wrong(Fault::kQedImageSize, header.image_size);
  }
  return {};
}

Status CheckPlaces(const Header& header) {
  if (!header.IsTableOffset(header.l1_offset)) {
    return Wrong(Fault::kQedL1Offset, header.l1_offset);
  }
  // Counts are 32 bits wide; no product and no sum below overflows.
  const uint64_t header_bytes = header.header_clusters * header.cluster_size;
  if (header.header_clusters >
      std::numeric_limits<uint32_t>::max() / header.cluster_size) {
    return Wrong(Fault::kQedHeaderSize, header.header_clusters);
  }
  if ((header.features & kBackingFile) == 0) {
    return {};
  }
  const uint64_t offset = header.backing_file_offset;
  const uint64_t bytes = header.backing_file_bytes;
  if (offset + bytes > header_bytes) {
    return Wrong(Fault::kQedBackingNameOffset, offset, bytes);
  }
  if (bytes > kMaxBackingNameBytes) {
    return Wrong(Fault::kQedBackingName, bytes);
  }
  return {};
}

}  // namespace

bool Header::IsClusterOffset(uint64_t offset) const {
  return offset % cluster_size == 0 &&
         offset >= header_clusters * cluster_size && offset < file_end;
}

bool Header::IsTableOffset(uint64_t offset) const {
  // qemu-img wants the last cluster behind the first, so that it refuses tables
  // of one cluster.
  const uint64_t behind = (table_clusters - 1) * cluster_size;
  return behind != 0 && IsClusterOffset(offset) && behind < file_end - offset;
}

Result<Header> ReadHeader(BlockCache& cache, const File& file) {
  using L = HeaderLayout;
  const ByteView bytes = TRY(cache.View(0, L::kSize));
  const auto raw = TRY(bytes.Fixed<L::kSize>(0));
  if (raw.Get<L::kMagic>() != kMagic) {
    const ByteView name = ByteView::Of("qed");
    return Error{.fault = Fault::kNotInFormat,
                 .text = name.data(),
                 .text_bytes = static_cast<uint32_t>(name.size())};
  }
  Header header = {
      .cluster_size = raw.Get<L::kClusterSize>(),
      .table_clusters = raw.Get<L::kTableSize>(),
      .header_clusters = raw.Get<L::kHeaderSize>(),
      .features = raw.Get<L::kFeatures>(),
      .l1_offset = raw.Get<L::kL1TableOffset>(),
      .image_size = raw.Get<L::kImageSize>(),
      .backing_file_offset = raw.Get<L::kBackingFileOffset>(),
      .backing_file_bytes = raw.Get<L::kBackingFileSize>(),
  };
  TRY(CheckFields(header));
  const uint64_t file_bytes = TRY(SectorAlignedSize(file));
  header.file_end = AlignDown(file_bytes, header.cluster_size);
  TRY(CheckPlaces(header));
  if (header.image_size > kMaxImageBytes) {
    return Wrong(Fault::kImageSize, header.image_size / 512);
  }
  return header;
}

uint64_t TableBlockBytes(const Header& header) {
  return Min(header.cluster_size, BlockCache::kMaxBlockBytes);
}

}  // namespace instar::qed
