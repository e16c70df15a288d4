#include "lib/format/vpc/header.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/host_extents.h"

namespace instar::vpc {
namespace {

using Footer = FixedView<FooterLayout::kSize>;

constexpr uint8_t kName[] = {'v', 'p', 'c'};

// qemu's bounds of a file's length and of one read.
constexpr uint64_t kMaxFileBytes = (uint64_t{1} << 63) - (uint64_t{1} << 30);
constexpr uint64_t kMaxReadBytes = 0x7ffffe00;

Error Wrong(Fault fault, uint64_t value = 0) {
  return {.fault = fault, .value = value};
}

bool IsReadable(uint64_t offset, uint64_t length) {
  return length <= kMaxReadBytes && offset <= kMaxFileBytes - length;
}

// Fills `bytes` with the copy at the start or, for fixed disks, the footer at
// the end. Returns whether it was the copy.
Result<bool> FindFooter(File& file, MutableBytes bytes) {
  using L = FooterLayout;
  TRY(file.ReadAt(0, bytes));
  if (Footer(bytes.data()).Get<L::kCookie>() == kFooterCookie) {
    return true;
  }
  const uint64_t size = TRY(SectorAlignedSize(file));
  if (size < L::kSize) {
    return Wrong(Fault::kVpcTooSmall, size);
  }
  // Old versions of Virtual PC wrote 511 bytes: the last one reads as zero.
  TRY(file.ReadAt(size - L::kSize, bytes));
  const Footer footer(bytes.data());
  if (footer.Get<L::kCookie>() != kFooterCookie ||
      footer.Get<L::kDiskType>() != kDiskFixed) {
    return Error{.fault = Fault::kNotInFormat,
                 .text = kName,
                 .text_bytes = sizeof kName};
  }
  return false;
}

bool HasGeometrySize(uint32_t creator, SizeRule rule) {
  if (rule == SizeRule::kRecordedUnlessOld) {
    return creator == CreatorOf("vpc ") || creator == CreatorOf("qemu");
  }
  return creator != CreatorOf("win ") && creator != CreatorOf("qem2") &&
         creator != CreatorOf("d2v ") && creator != CreatorOf("CTXS") &&
         creator != CreatorOf("tap\0");
}

Result<uint64_t> DiskSize(const Footer& footer, SizeRule rule) {
  using L = FooterLayout;
  uint64_t sectors = uint64_t{footer.Get<L::kCylinders>()} *
                     footer.Get<L::kHeads>() *
                     footer.Get<L::kSectorsPerTrack>();
  if (sectors == kMaxGeometrySectors ||
      !HasGeometrySize(footer.Get<L::kCreator>(), rule)) {
    sectors = footer.Get<L::kCurrentSize>() / kSectorBytes;
  }
  if (sectors > kMaxDiskSectors) {
    return Error{.fault = Fault::kErrno, .error = kEfbig};
  }
  return sectors * kSectorBytes;
}

Status ReadDynamic(File& file, Header& header) {
  using L = DynamicLayout;
  uint8_t bytes[L::kSize] = {};
  if (!IsReadable(header.dynamic_offset, L::kSize)) {
    return Wrong(Fault::kVpcDynamicHeader);
  }
  TRY(file.ReadAt(header.dynamic_offset, MutableBytes(bytes, sizeof bytes)));
  const FixedView<L::kSize> raw(bytes);
  if (raw.Get<L::kCookie>() != kDynamicCookie) {
    return Wrong(Fault::kVpcHeaderMagic);
  }
  header.block_bytes = raw.Get<L::kBlockSize>();
  if (!IsPowerOfTwo(header.block_bytes) || header.block_bytes < kSectorBytes) {
    return Wrong(Fault::kVpcBlockSize, header.block_bytes);
  }
  // A bit for each sector, in whole sectors. qemu's rounding leaves no bitmap
  // at all in front of blocks below 4 KiB.
  header.bitmap_bytes = TRY(
      CheckedAlignUp(header.block_bytes / (8 * kSectorBytes), kSectorBytes));
  header.num_entries = raw.Get<L::kMaxTableEntries>();
  if (header.num_entries * header.block_bytes < header.virtual_size) {
    return Wrong(Fault::kVpcTableTooSmall, header.num_entries);
  }
  if (header.num_entries > kMaxTableEntries) {
    return Wrong(Fault::kVpcTableTooLarge, header.num_entries);
  }
  header.table_offset = raw.Get<L::kTableOffset>();
  if (!IsReadable(header.table_offset, header.table_bytes())) {
    return Wrong(Fault::kVpcTable, header.table_offset);
  }
  return {};
}

}  // namespace

uint32_t ChecksumOf(ByteView record, uint64_t checksum_offset) {
  uint32_t sum = 0;
  for (uint64_t i = 0; i < record.size(); ++i) {
    if (i < checksum_offset || i >= checksum_offset + 4) {
      sum += record.At<U8>(i).value();
    }
  }
  return ~sum;
}

Result<Header> ReadHeader(File& file, SizeRule rule) {
  using L = FooterLayout;
  uint8_t bytes[L::kSize] = {};
  Header header;
  header.has_table = TRY(FindFooter(file, MutableBytes(bytes, sizeof bytes)));
  const Footer footer(bytes);
  if (footer.Get<L::kChecksum>() !=
      ChecksumOf(ByteView(bytes, sizeof bytes), L::kChecksum.offset)) {
    return Wrong(Fault::kVpcChecksum);
  }
  header.disk_type = footer.Get<L::kDiskType>();
  if (header.disk_type == kDiskDifferencing) {
    const ByteView what = ByteView::Of("A differencing VHD image");
    return Error{.fault = Fault::kUnsupported,
                 .text = what.data(),
                 .text_bytes = static_cast<uint32_t>(what.size())};
  }
  header.virtual_size = TRY(DiskSize(footer, rule));
  if (header.has_table) {
    header.dynamic_offset = footer.Get<L::kDataOffset>();
    TRY(ReadDynamic(file, header));
  }
  return header;
}

}  // namespace instar::vpc
