// A growing Bochs image opened for reading: extents of equal length, each
// behind a bitmap of the sectors that were written.
#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/block_cache.h"
#include "lib/format/bochs/layout.h"
#include "lib/format/image.h"

namespace instar::bochs {
namespace {

constexpr uint8_t kName[] = {'b', 'o', 'c', 'h', 's'};
constexpr ByteView kNameView{kName, sizeof kName};

// One block of the catalog, one of a bitmap.
constexpr uint64_t kCachedBlocks = 2;

struct Header {
  uint64_t size = 0;  // virtual, bytes
  uint64_t catalog_offset = 0;
  uint64_t catalog_entries = 0;
  uint64_t extent_bytes = 0;
  uint64_t bitmap_sectors = 0;  // before each extent

  // Bytes from one extent's bitmap to the next one's.
  uint64_t stride() const {
    return bitmap_sectors * kSectorBytes + extent_bytes;
  }
  uint64_t first_bitmap() const { return catalog_offset + catalog_entries * 4; }
};

bool HasText(ByteView head, uint64_t offset, ByteView text) {
  const auto slice = head.Slice(offset, text.size());
  return slice.ok() && slice.value().Equals(text);
}

bool IsBochs(ByteView head) {
  using L = HeaderLayout;
  const auto version = head.At<Le32>(L::kVersion.offset);
  return HasText(head, L::kMagicOffset,
                 ByteView::Of("Bochs Virtual HD Image\0")) &&
         HasText(head, L::kTypeOffset, ByteView::Of("Redolog\0")) &&
         HasText(head, L::kSubtypeOffset, ByteView::Of("Growing\0")) &&
         version.ok() &&
         (version.value() == kVersion1 || version.value() == kVersion2);
}

Result<Header> ReadHeader(BlockCache& cache) {
  using L = HeaderLayout;
  const ByteView head = TRY(cache.View(0, L::kSize));
  const auto raw = TRY(head.Fixed<L::kSize>(0));
  if (!IsBochs(head)) {
    return Error{.fault = Fault::kNotInFormat,
                 .text = kName,
                 .text_bytes = sizeof kName};
  }
  const uint64_t disk_bytes = raw.Get<L::kVersion>() == kVersion1
                                  ? raw.Get<L::kDiskBytesV1>()
                                  : raw.Get<L::kDiskBytesV2>();
  const uint32_t bitmap_bytes = raw.Get<L::kBitmapBytes>();
  const Header header = {
      .size = AlignDown(disk_bytes, kSectorBytes),
      .catalog_offset = raw.Get<L::kHeaderBytes>(),
      .catalog_entries = raw.Get<L::kCatalogEntries>(),
      .extent_bytes = raw.Get<L::kExtentBytes>(),
      // As qemu's 32 bits wrap, so do these: an empty bitmap takes 4 GiB.
      .bitmap_sectors = uint64_t{bitmap_bytes - 1} / kSectorBytes + 1,
  };
  if (header.catalog_entries > kMaxCatalogEntries) {
    return Error{.fault = Fault::kBochsCatalogTooLarge};
  }
  if (header.extent_bytes < kMinExtentBytes) {
    return Error{.fault = Fault::kBochsExtentTooSmall};
  }
  if (!IsPowerOfTwo(header.extent_bytes)) {
    return Error{.fault = Fault::kBochsExtentNoPower,
                 .value = header.extent_bytes};
  }
  if (header.extent_bytes > kMaxExtentBytes) {
    return Error{.fault = Fault::kBochsExtentTooLarge,
                 .value = header.extent_bytes};
  }
  if (header.catalog_entries < DivRoundUp(header.size, header.extent_bytes)) {
    return Error{.fault = Fault::kBochsCatalogTooSmall};
  }
  return header;
}

class BochsImage final : public Image {
 public:
  explicit BochsImage(File& file) : Image(file, {}) {}
  BochsImage(const BochsImage&) = delete;
  BochsImage& operator=(const BochsImage&) = delete;

  // Called once, before anything else.
  Status Open(Arena& arena) {
    cache_ = TRY(BlockCache::Create(arena, *file_, kCachedBlocks));
    header_ = TRY(ReadHeader(cache_));
    facts_.format = kNameView;
    facts_.virtual_size = header_.size;
    return {};
  }

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override;

  Status Unpack(ByteView /*packed*/, MutableBytes /*out*/,
                codec::Unpacker& /*unpacker*/) const override {
    return Error{.fault = Fault::kInternal};
  }

  Status List(FactsVisitor& /*visitor*/) override { return {}; }

 private:
  Status LocateInExtent(uint64_t offset, Extent& extent);
  Result<bool> IsWritten(uint64_t bitmap_offset, uint64_t sector);

  BlockCache cache_;
  Header header_;
};

Result<Extent> BochsImage::Locate(uint64_t offset, uint64_t length,
                                  bool exact) {
  if (offset >= virtual_size()) {
    return Extent{.flags = kExtentEof};
  }
  Extent extent = {.length = Min(length, virtual_size() - offset),
                   .flags = kExtentData | kExtentAllocated};
  if (!exact) {
    TRY(LocateInExtent(offset, extent));
  }
  if (offset + extent.length == virtual_size()) {
    extent.flags |= kExtentEof;
  }
  return extent;
}

Result<bool> BochsImage::IsWritten(uint64_t bitmap_offset, uint64_t sector) {
  const uint8_t bits = TRY(cache_.At<U8>(bitmap_offset + sector / 8));
  return ((bits >> sector % 8) & 1) != 0;
}

// Cuts `extent` to the sectors that are in one extent of the image's and all
// written or all not.
Status BochsImage::LocateInExtent(uint64_t offset, Extent& extent) {
  const uint64_t at = offset % header_.extent_bytes;
  const uint64_t wanted = Min(extent.length, header_.extent_bytes - at);
  uint8_t entry[Le32::kSize];
  TRY(cache_.Copy(
      header_.catalog_offset + offset / header_.extent_bytes * sizeof entry,
      MutableBytes(entry, sizeof entry)));
  const uint32_t number = FixedView<sizeof entry>(entry).Get<Le32{0}>();
  extent.length = wanted;
  extent.flags = kExtentZero | kExtentAllocated;
  if (number == kUnallocated) {
    return {};
  }
  const auto distance = CheckedMul(number, header_.stride());
  constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();
  if (!distance.ok() || distance.value() > kMaxOffset / 2) {
    return Error{.fault = Fault::kErrno, .error = kEio};
  }
  const uint64_t bitmap = header_.first_bitmap() + distance.value();
  const uint64_t first = at / kSectorBytes;
  const bool written = TRY(IsWritten(bitmap, first));
  uint64_t end = first + 1;
  while (end < DivRoundUp(at + wanted, kSectorBytes)) {
    const bool same = TRY(IsWritten(bitmap, end)) == written;
    if (!same) {
      break;
    }
    ++end;
  }
  extent.length = Min(wanted, end * kSectorBytes - at);
  if (written) {
    extent.flags = kExtentData | kExtentAllocated | kExtentOffset;
    extent.file = file_;
    extent.host_offset = bitmap + header_.bitmap_sectors * kSectorBytes + at;
  }
  return {};
}

int ProbeBochs(ByteView head, ByteView /*filename*/) {
  return IsBochs(head) ? 100 : 0;
}

Result<Image*> OpenBochs(Arena& arena, File& file, Opener& /*opener*/,
                         const OpenOptions& /*options*/) {
  BochsImage* image = TRY(arena.New<BochsImage>(file));
  TRY(image->Open(arena));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeBochs, .open = &OpenBochs};

}  // namespace instar::bochs
