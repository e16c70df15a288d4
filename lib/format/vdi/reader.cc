// A VDI image opened for reading.
#include "lib/base/checked.h"
#include "lib/format/host_holes.h"
#include "lib/format/image.h"
#include "lib/format/vdi/block_map.h"
#include "lib/format/vdi/header.h"

namespace instar::vdi {
namespace {

constexpr uint8_t kName[] = {'v', 'd', 'i'};
constexpr ByteView kNameView{kName, sizeof kName};

class VdiImage final : public Image {
 public:
  explicit VdiImage(File& file) : Image(file, {}) {}
  VdiImage(const VdiImage&) = delete;
  VdiImage& operator=(const VdiImage&) = delete;

  // Called once, before anything else.
  Status Open(Arena& arena);

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override;
  Status Unpack(ByteView /*packed*/, MutableBytes /*out*/,
                codec::Unpacker& /*unpacker*/) const override {
    return Error{.fault = Fault::kInternal};
  }
  Status List(FactsVisitor& /*visitor*/) override { return {}; }

 private:
  Header header_;
  BlockMap map_;
};

Status VdiImage::Open(Arena& arena) {
  header_ = TRY(ReadHeader(*file_));
  map_ = TRY(BlockMap::Create(arena, *file_, header_));
  facts_.format = kNameView;
  facts_.virtual_size = header_.disk_bytes;
  facts_.cluster_size = kBlockBytes;
  return {};
}

// Always a part of one block.
Result<Extent> VdiImage::Locate(uint64_t offset, uint64_t length, bool exact) {
  if (offset >= virtual_size()) {
    return Extent{.flags = kExtentEof};
  }
  const uint64_t in_block = offset % kBlockBytes;
  const uint64_t rest = Min(virtual_size() - offset, kBlockBytes - in_block);
  Extent extent = {.length = Min(length, rest)};
  if (extent.length == 0) {
    return extent;
  }
  const uint64_t entry = TRY(map_.Entry(offset / kBlockBytes));
  if (IsAllocated(entry)) {
    extent.flags = kExtentData | kExtentAllocated | kExtentOffset;
    extent.file = file_;
    extent.host_offset = header_.data_offset + entry * kBlockBytes + in_block;
    // A static image was allocated as a whole, so that much of it may be holes.
    if (exact && header_.image_type == kTypeStatic) {
      MarkHostHoles(extent);
    }
  } else {
    extent.flags = kExtentZero | kExtentAllocated;
  }
  if (offset + extent.length == virtual_size()) {
    extent.flags |= kExtentEof;
  }
  return extent;
}

int ProbeVdi(ByteView head, ByteView /*filename*/) {
  const auto signature = head.At<Le32>(HeaderLayout::kSignature.offset);
  return signature.ok() && signature.value() == kSignature ? 100 : 0;
}

Result<Image*> OpenVdi(Arena& arena, File& file, Opener& /*opener*/,
                       const OpenOptions& /*options*/) {
  VdiImage* image = TRY(arena.New<VdiImage>(file));
  TRY(image->Open(arena));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeVdi, .open = &OpenVdi};

}  // namespace instar::vdi
