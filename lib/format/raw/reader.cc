// A raw image: the file, or a part of it, is the disk, rounded up to whole
// sectors.
#include "lib/base/checked.h"
#include "lib/format/host_extents.h"
#include "lib/format/image.h"

namespace instar::raw {
namespace {

constexpr uint8_t kName[] = {'r', 'a', 'w'};
constexpr ByteView kNameView{kName, sizeof kName};
constexpr uint64_t kSectorBytes = 512;

class RawImage final : public Image {
 public:
  // `start`: where in the file the disk begins, in bytes.
  RawImage(File& file, const ImageFacts& facts, uint64_t start)
      : Image(file, facts), start_(start) {}

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override {
    if (offset >= virtual_size()) {
      return Extent{.flags = kExtentEof};
    }
    const uint64_t wanted = Min(length, virtual_size() - offset);
    const uint64_t host_offset = TRY(CheckedAdd(start_, offset));
    HostExtent host = {.length = wanted, .data = true};
    if (exact && wanted != 0) {
      host = TRY(LocateInHostFile(file(), host_offset, wanted));
      if (host.length == 0) {  // the file has shrunk
        host = HostExtent{.length = wanted, .data = false};
      }
    }
    const uint32_t kind = host.data ? kExtentData : kExtentZero;
    const bool at_end = offset + host.length == virtual_size();
    return Extent{.length = host.length,
                  .flags = kind | kExtentAllocated | kExtentOffset |
                           (at_end ? kExtentEof : 0u),
                  .file = &file(),
                  .host_offset = host_offset};
  }

  Status Unpack(ByteView /*packed*/, MutableBytes /*out*/,
                codec::Unpacker& /*unpacker*/) const override {
    return Error{.fault = Fault::kInternal};
  }

  Status List(FactsVisitor& /*visitor*/) override { return {}; }

 private:
  uint64_t start_;
};

int ProbeRaw(ByteView /*head*/, ByteView /*filename*/) {
  return 1;  // what nobody else claims
}

// How long the disk is, in bytes.
Result<uint64_t> DiskSize(const File& file, const OpenOptions& options) {
  const uint64_t file_bytes = TRY(SectorAlignedSize(file));
  const uint64_t start = options.raw_offset;
  if (start > file_bytes) {
    return Error{
        .fault = Fault::kRawOffset, .value = start, .value2 = file_bytes};
  }
  if (!options.has_raw_size) {
    return CheckedAlignUp(file_bytes - start, kSectorBytes);
  }
  if (options.raw_size > file_bytes - start) {
    return Error{.fault = Fault::kRawRange,
                 .value = start,
                 .value2 = options.raw_size,
                 .value3 = file_bytes};
  }
  if (options.raw_size % kSectorBytes != 0) {
    return Error{.fault = Fault::kRawSizeUnaligned, .value = options.raw_size};
  }
  return options.raw_size;
}

Result<Image*> OpenRaw(Arena& arena, File& file, Opener& /*opener*/,
                       const OpenOptions& options) {
  ImageFacts facts;
  facts.format = kNameView;
  facts.virtual_size = TRY(DiskSize(file, options));
  RawImage* image = TRY(arena.New<RawImage>(file, facts, options.raw_offset));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeRaw, .open = &OpenRaw};

}  // namespace instar::raw
