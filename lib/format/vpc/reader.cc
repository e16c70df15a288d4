// A VHD image opened for reading.
#include "lib/base/checked.h"
#include "lib/format/host_holes.h"
#include "lib/format/image.h"
#include "lib/format/vpc/block_table.h"
#include "lib/format/vpc/header.h"

namespace instar::vpc {
namespace {

constexpr uint8_t kName[] = {'v', 'p', 'c'};
constexpr ByteView kNameView{kName, sizeof kName};

class VpcImage final : public Image {
 public:
  explicit VpcImage(File& file) : Image(file, {}) {}
  VpcImage(const VpcImage&) = delete;
  VpcImage& operator=(const VpcImage&) = delete;

  // Called once, before anything else.
  Status Open(Arena& arena, const OpenOptions& options);

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override;
  Status Unpack(ByteView /*packed*/, MutableBytes /*out*/,
                codec::Unpacker& /*unpacker*/) const override {
    return Error{.fault = Fault::kInternal};
  }
  Status List(FactsVisitor& /*visitor*/) override { return {}; }

 private:
  // REQUIRES: `length` is not 0 and within the image.
  Extent LocateFlat(uint64_t offset, uint64_t length, bool exact);
  Result<Extent> LocateInBlocks(uint64_t offset, uint64_t length);

  Header header_;
  BlockTable table_;
};

Status VpcImage::Open(Arena& arena, const OpenOptions& options) {
  header_ = TRY(ReadHeader(*file_, options.vpc_size_prefers_geometry
                                       ? SizeRule::kGeometryUnlessKnown
                                       : SizeRule::kRecordedUnlessOld));
  if (header_.has_table) {
    table_ = TRY(BlockTable::Create(arena, *file_, header_));
    TRY(table_.FindEnd(*file_));
  }
  facts_.format = kNameView;
  facts_.virtual_size = header_.virtual_size;
  facts_.cluster_size = header_.is_flat() ? 0 : header_.block_bytes;
  return {};
}

Result<Extent> VpcImage::Locate(uint64_t offset, uint64_t length, bool exact) {
  if (offset >= virtual_size()) {
    return Extent{.flags = kExtentEof};
  }
  const uint64_t wanted = Min(length, virtual_size() - offset);
  if (wanted == 0) {
    return Extent{};
  }
  Extent extent;
  if (header_.is_flat()) {
    extent = LocateFlat(offset, wanted, exact);
  } else {
    extent = TRY(LocateInBlocks(offset, wanted));
  }
  if (offset + extent.length == virtual_size()) {
    extent.flags |= kExtentEof;
  }
  return extent;
}

Extent VpcImage::LocateFlat(uint64_t offset, uint64_t length, bool exact) {
  Extent extent = {.length = length,
                   .flags = kExtentData | kExtentAllocated | kExtentOffset,
                   .file = file_,
                   .host_offset = offset};
  if (exact) {
    MarkHostHoles(extent);
  }
  return extent;
}

// One block, or all unallocated ones up to the next block. The bitmaps are not
// looked at: a block's unused sectors were written as zeroes.
Result<Extent> VpcImage::LocateInBlocks(uint64_t offset, uint64_t length) {
  const uint64_t block_bytes = header_.block_bytes;
  uint64_t index = offset / block_bytes;
  const uint64_t in_block = offset % block_bytes;
  const uint64_t first_entry = TRY(table_.Entry(index));
  Extent extent = {.length = Min(length, block_bytes - in_block)};
  if (first_entry != kUnallocated) {
    extent.flags = kExtentData | kExtentAllocated | kExtentOffset;
    extent.file = file_;
    extent.host_offset =
        first_entry * kSectorBytes + header_.bitmap_bytes + in_block;
    return extent;
  }
  extent.flags = kExtentZero | kExtentAllocated;
  while (extent.length < length && ++index < header_.num_entries) {
    const uint64_t entry = TRY(table_.Entry(index));
    if (entry != kUnallocated) {
      break;
    }
    extent.length += Min(length - extent.length, block_bytes);
  }
  return extent;
}

// Only the copy of the footer that dynamic disks begin with: fixed ones are not
// recognised.
int ProbeVpc(ByteView head, ByteView /*filename*/) {
  const auto cookie = head.At<Be64>(FooterLayout::kCookie.offset);
  return cookie.ok() && cookie.value() == kFooterCookie ? 100 : 0;
}

Result<Image*> OpenVpc(Arena& arena, File& file, Opener& /*opener*/,
                       const OpenOptions& options) {
  VpcImage* image = TRY(arena.New<VpcImage>(file));
  TRY(image->Open(arena, options));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeVpc, .open = &OpenVpc};

}  // namespace instar::vpc
