// A VHDX image opened for reading.
#include <limits>

#include "lib/base/checked.h"
#include "lib/format/image.h"
#include "lib/format/vhdx/log.h"
#include "lib/format/vhdx/structure.h"

namespace instar::vhdx {
namespace {

constexpr uint8_t kName[] = {'v', 'h', 'd', 'x'};
constexpr ByteView kNameView{kName, sizeof kName};

class VhdxImage final : public Image {
 public:
  explicit VhdxImage(File& file) : Image(file, {}) {}
  VhdxImage(const VhdxImage&) = delete;
  VhdxImage& operator=(const VhdxImage&) = delete;

  // Called once, before anything else.
  Status Open(Arena& arena, const OpenOptions& options);

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override;
  Status Unpack(ByteView /*packed*/, MutableBytes /*out*/,
                codec::Unpacker& /*unpacker*/) const override {
    return Error{.fault = Fault::kInternal};
  }
  Status List(FactsVisitor& /*visitor*/) override { return {}; }

 private:
  Status Map(uint64_t offset, Extent& extent);

  Structure structure_;
};

Status VhdxImage::Open(Arena& arena, const OpenOptions& options) {
  TRY(OpenStructure(arena, *file_, options.replay_log, structure_));
  if (!options.for_check) {
    TRY(structure_.bat.Check(structure_.file, structure_.regions, nullptr));
  }
  const uint64_t size =
      AlignDown(structure_.parameters.virtual_size, kSectorBytes);
  constexpr uint64_t kMaxSize = std::numeric_limits<int64_t>::max();
  if (size > kMaxSize) {
    return Error{.fault = Fault::kVhdxSize, .value = size};
  }
  facts_.format = kNameView;
  facts_.virtual_size = size;
  facts_.cluster_size = structure_.parameters.block_bytes;
  return {};
}

// Completes an extent that is to begin at `offset` and to be no longer than it
// already is.
Status VhdxImage::Map(uint64_t offset, Extent& extent) {
  const Mapping mapping =
      TRY(structure_.bat.Find(structure_.file, offset, extent.length));
  extent.length = mapping.length;
  if (!mapping.is_data) {
    extent.flags = kExtentZero | kExtentAllocated;
    return {};
  }
  const Log* log = structure_.file.log();
  if (log != nullptr && log->Changes(mapping.host_offset, mapping.length)) {
    return Error{.fault = Fault::kVhdxLogHoldsData, .value = offset};
  }
  extent.flags |= kExtentOffset;
  extent.file = file_;
  extent.host_offset = mapping.host_offset;
  return {};
}

Result<Extent> VhdxImage::Locate(uint64_t offset, uint64_t length, bool exact) {
  if (offset >= virtual_size()) {
    return Extent{.flags = kExtentEof};
  }
  // qemu has no block status for the format: all of it is data, somewhere.
  Extent extent = {.length = Min(length, virtual_size() - offset),
                   .flags = kExtentData | kExtentAllocated};
  if (!exact && extent.length != 0) {
    TRY(Map(offset, extent));
  }
  if (offset + extent.length == virtual_size()) {
    extent.flags |= kExtentEof;
  }
  return extent;
}

// MS-VHDX 2.2.1, "File Type Identifier".
int ProbeVhdx(ByteView head, ByteView /*filename*/) {
  const auto signature = head.At<Le64>(FileIdentifierLayout::kSignature.offset);
  return signature.ok() && signature.value() == kFileSignature ? 100 : 0;
}

Result<Image*> OpenVhdx(Arena& arena, File& file, Opener& /*opener*/,
                        const OpenOptions& options) {
  VhdxImage* image = TRY(arena.New<VhdxImage>(file));
  TRY(image->Open(arena, options));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeVhdx, .open = &OpenVhdx};

}  // namespace instar::vhdx
