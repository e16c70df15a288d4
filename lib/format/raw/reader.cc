// A raw image: the file is the disk, rounded up to whole sectors.
#include "lib/base/checked.h"
#include "lib/format/host_extents.h"
#include "lib/format/image.h"

namespace instar::raw {
namespace {

constexpr uint8_t kName[] = {'r', 'a', 'w'};
constexpr ByteView kNameView{kName, sizeof kName};

class RawImage final : public Image {
 public:
  RawImage(File& file, const ImageFacts& facts) : Image(file, facts) {}

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override {
    if (offset >= virtual_size()) {
      return Extent{.flags = kExtentEof};
    }
    const uint64_t wanted = Min(length, virtual_size() - offset);
    HostExtent host = {.length = wanted, .data = true};
    if (exact && wanted != 0) {
      host = TRY(LocateInHostFile(file(), offset, wanted));
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
                  .host_offset = offset};
  }

  Status Unpack(ByteView /*packed*/, MutableBytes /*out*/,
                codec::Unpacker& /*unpacker*/) const override {
    return Error{.fault = Fault::kInternal};
  }

  Status List(FactsVisitor& /*visitor*/) override { return {}; }
};

int ProbeRaw(ByteView /*head*/, ByteView /*filename*/) {
  return 1;  // what nobody else claims
}

Result<Image*> OpenRaw(Arena& arena, File& file, Opener& /*opener*/,
                       const OpenOptions& /*options*/) {
  ImageFacts facts;
  facts.format = kNameView;
  facts.virtual_size = TRY(SectorAlignedSize(file));
  RawImage* image = TRY(arena.New<RawImage>(file, facts));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeRaw, .open = &OpenRaw};

}  // namespace instar::raw
