// A Parallels image opened for reading.
#include "lib/base/checked.h"
#include "lib/format/image.h"
#include "lib/format/parallels/extension.h"
#include "lib/format/parallels/header.h"

namespace instar::parallels {
namespace {

constexpr uint8_t kName[] = {'p', 'a', 'r', 'a', 'l', 'l', 'e', 'l', 's'};
constexpr ByteView kNameView{kName, sizeof kName};

constexpr uint64_t kCachedBlocks = 2;  // of the BAT

class ParallelsImage final : public Image {
 public:
  ParallelsImage(Arena& arena, File& file) : Image(file, {}), arena_(&arena) {}

  // Called once, before anything else.
  Status Open(const OpenOptions& options);

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override;
  Status Unpack(ByteView /*packed*/, MutableBytes /*out*/,
                codec::Unpacker& /*unpacker*/) const override {
    return Error{.fault = Fault::kInternal};
  }
  Status List(FactsVisitor& visitor) override {
    return WalkExtension(cache_, *file_, header_, *arena_, &visitor);
  }

 private:
  // The sector of a cluster; 0: unallocated, as all behind the BAT is.
  Result<uint64_t> Sector(uint64_t index);

  Arena* arena_;
  BlockCache cache_;
  Header header_;
};

Status ParallelsImage::Open(const OpenOptions& options) {
  cache_ = TRY(BlockCache::Create(*arena_, *file_,
                                  options.info_only ? 1 : kCachedBlocks));
  header_ = TRY(ReadHeader(cache_));
  TRY(WalkExtension(cache_, *file_, header_, *arena_, nullptr));
  TRY(CheckSize(header_));
  facts_.format = kNameView;
  facts_.virtual_size = header_.num_sectors * kSectorBytes;
  return {};
}

Result<uint64_t> ParallelsImage::Sector(uint64_t index) {
  if (index >= header_.NumStoredEntries(*file_)) {
    return uint64_t{0};
  }
  return ClusterSector(cache_, header_, index);
}

Result<Extent> ParallelsImage::Locate(uint64_t offset, uint64_t length,
                                      bool /*exact*/) {
  if (offset >= virtual_size()) {
    return Extent{.flags = kExtentEof};
  }
  const uint64_t wanted = Min(length, virtual_size() - offset);
  if (wanted == 0) {
    return Extent{};
  }
  const uint64_t cluster_size = header_.cluster_size();
  const uint64_t in_cluster = offset % cluster_size;
  const uint64_t first = offset / cluster_size;
  const uint64_t sector = TRY(Sector(first));
  const uint64_t end = first + DivRoundUp(in_cluster + wanted, cluster_size);
  const uint64_t stored_end = Min(end, header_.NumStoredEntries(*file_));
  uint64_t index = first + 1;
  bool alike = true;
  while (alike && index < stored_end) {
    const uint64_t expected =
        sector == 0 ? 0 : sector + (index - first) * header_.tracks;
    const uint64_t next = TRY(Sector(index));
    alike = next == expected;
    index += alike ? 1 : 0;
  }
  if (alike && sector == 0) {
    index = end;
  }
  Extent extent = {
      .length = Min(wanted, (index - first) * cluster_size - in_cluster)};
  if (sector != 0) {
    extent.flags = kExtentData | kExtentAllocated | kExtentOffset;
    extent.file = file_;
    extent.host_offset = sector * kSectorBytes + in_cluster;
  }
  if (offset + extent.length == virtual_size()) {
    extent.flags |= kExtentEof;
  }
  return extent;
}

int ProbeParallels(ByteView head, ByteView /*filename*/) {
  const bool has_magic = head.StartsWith(ByteView::Of(kMagicOld)) ||
                         head.StartsWith(ByteView::Of(kMagicExtended));
  const auto version = head.At<Le32>(HeaderLayout::kVersion.offset);
  return has_magic && version.ok() && version.value() == kVersion ? 100 : 0;
}

Result<Image*> OpenParallels(Arena& arena, File& file, Opener& /*opener*/,
                             const OpenOptions& options) {
  ParallelsImage* image = TRY(arena.New<ParallelsImage>(arena, file));
  TRY(image->Open(options));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeParallels, .open = &OpenParallels};

}  // namespace instar::parallels
