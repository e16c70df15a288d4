// A LUKS1 volume: what its header says. Its data is encrypted, and there is no
// way to name a key, so nothing but `info` opens it.
#include <limits>

#include "lib/base/checked.h"
#include "lib/format/block_cache.h"
#include "lib/format/host_extents.h"
#include "lib/format/image.h"
#include "lib/format/luks/header.h"

namespace instar::luks {
namespace {

constexpr uint8_t kName[] = {'l', 'u', 'k', 's'};
constexpr ByteView kNameView{kName, sizeof kName};

class LuksImage final : public Image {
 public:
  explicit LuksImage(File& file) : Image(file, {}) {}
  LuksImage(const LuksImage&) = delete;
  LuksImage& operator=(const LuksImage&) = delete;

  // Called once, before anything else.
  Status Open(Arena& arena) {
    BlockCache cache = TRY(BlockCache::Create(arena, *file_, 1));
    constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
    header_ = TRY(ReadHeader(cache, arena, 0, kNoLimit));
    const uint64_t file_bytes = TRY(SectorAlignedSize(*file_));
    if (header_.payload_offset > file_bytes) {
      return Error{.fault = Fault::kLuksSize};
    }
    facts_.format = kNameView;
    facts_.virtual_size = file_bytes - header_.payload_offset;
    facts_.encrypted = true;
    facts_.luks = &header_;
    return {};
  }

  // Like qemu-img's: data, somewhere.
  Result<Extent> Locate(uint64_t offset, uint64_t length,
                        bool /*exact*/) override {
    if (offset >= virtual_size()) {
      return Extent{.flags = kExtentEof};
    }
    const uint64_t left = virtual_size() - offset;
    return Extent{.length = Min(length, left),
                  .flags = kExtentData | kExtentAllocated |
                           (length >= left ? kExtentEof : 0u)};
  }

  Status Unpack(ByteView /*packed*/, MutableBytes /*out*/,
                codec::Unpacker& /*unpacker*/) const override {
    return Error{.fault = Fault::kInternal};
  }

  Status List(FactsVisitor& /*visitor*/) override { return {}; }

 private:
  LuksFacts header_;
};

int ProbeLuks(ByteView head, ByteView /*filename*/) {
  return IsLuks1(head) ? 100 : 0;
}

Result<Image*> OpenLuks(Arena& arena, File& file, Opener& /*opener*/,
                        const OpenOptions& options) {
  if (!options.info_only) {
    return Error{.fault = Fault::kLuksKeyRequired};
  }
  LuksImage* image = TRY(arena.New<LuksImage>(file));
  TRY(image->Open(arena));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeLuks, .open = &OpenLuks};

}  // namespace instar::luks
