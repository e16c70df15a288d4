#include "lib/format/vdi/header.h"

#include "lib/base/checked.h"

namespace instar::vdi {
namespace {

using L = HeaderLayout;
using RawHeader = FixedView<L::kSize>;

constexpr uint8_t kName[] = {'v', 'd', 'i'};

Error Wrong(Fault fault, uint64_t value = 0, uint64_t value2 = 0) {
  return {.fault = fault, .value = value, .value2 = value2};
}

Result<bool> HasId(ByteView bytes, uint64_t offset) {
  const ByteView id = TRY(bytes.Slice(offset, L::kIdBytes));
  const uint64_t low = TRY(id.At<Le64>(0));
  const uint64_t high = TRY(id.At<Le64>(8));
  return (low | high) != 0;
}

// Sizes, once the signature and the version are known to be right.
Status CheckLayout(RawHeader raw, const Header& header) {
  if (header.map_offset % kSectorBytes != 0) {
    return Wrong(Fault::kVdiMapOffset, header.map_offset);
  }
  if (header.data_offset % kSectorBytes != 0) {
    return Wrong(Fault::kVdiDataOffset, header.data_offset);
  }
  const uint64_t sector_bytes = raw.Get<L::kSectorSize>();
  if (sector_bytes != kSectorBytes) {
    return Wrong(Fault::kVdiSectorSize, sector_bytes);
  }
  const uint64_t block_bytes = raw.Get<L::kBlockSize>();
  if (block_bytes != kBlockBytes) {
    return Wrong(Fault::kVdiBlockSize, block_bytes);
  }
  const uint64_t mapped_bytes = header.num_blocks * kBlockBytes;
  if (header.disk_bytes > mapped_bytes) {
    return Wrong(Fault::kVdiMapTooSmall, header.disk_bytes, mapped_bytes);
  }
  return {};
}

}  // namespace

Result<Header> ReadHeader(File& file) {
  uint8_t buffer[L::kSize] = {};
  TRY(file.ReadAt(0, MutableBytes(buffer, sizeof buffer)));
  const ByteView bytes(buffer, sizeof buffer);
  const RawHeader raw = TRY(bytes.Fixed<L::kSize>(0));
  const uint64_t recorded_bytes = raw.Get<L::kDiskSize>();
  if (recorded_bytes > kMaxDiskBytes) {
    return Wrong(Fault::kVdiSize, recorded_bytes);
  }
  const Header header = {
      .image_type = raw.Get<L::kImageType>(),
      .map_offset = raw.Get<L::kMapOffset>(),
      .data_offset = raw.Get<L::kDataOffset>(),
      // VirtualBox has written sizes that are no whole sectors.
      .disk_bytes = TRY(CheckedAlignUp(recorded_bytes, kSectorBytes)),
      .num_blocks = raw.Get<L::kNumBlocks>(),
      .num_allocated = raw.Get<L::kNumAllocated>(),
  };
  const uint32_t signature = raw.Get<L::kSignature>();
  if (signature != kSignature) {
    return Error{.fault = Fault::kNotInFormat,
                 .value = signature,
                 .text = kName,
                 .text_bytes = sizeof kName};
  }
  const uint32_t major = raw.Get<L::kMajorVersion>();
  const uint32_t minor = raw.Get<L::kMinorVersion>();
  if (major != kMajorVersion || minor != kMinorVersion) {
    return Wrong(Fault::kVdiVersion, major, minor);
  }
  TRY(CheckLayout(raw, header));
  const bool has_link = TRY(HasId(bytes, L::kLinkId));
  if (has_link) {
    return Wrong(Fault::kVdiLink);
  }
  const bool has_parent = TRY(HasId(bytes, L::kParentId));
  if (has_parent) {
    return Wrong(Fault::kVdiParent);
  }
  if (header.num_blocks > kMaxBlocks) {
    return Wrong(Fault::kVdiTooManyBlocks, header.num_blocks);
  }
  return header;
}

}  // namespace instar::vdi
