#include "lib/format/vmdk/disk.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/host_extents.h"
#include "lib/format/vmdk/descriptor.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

// qemu-img opens as many as there are lines. A disk of 8 TiB in pieces of 2 GiB
// has this many.
constexpr uint64_t kMaxExtents = 4096;

// qemu's largest image: below 2^63, and a multiple of 1 GiB.
constexpr uint64_t kMaxSectors =
    (uint64_t{std::numeric_limits<int64_t>::max()} &
     ~((uint64_t{1} << 30) - 1)) /
    kSectorBytes;

// Longest piece of an extent line that an error shows.
constexpr uint64_t kMaxShownBytes = 1024;

Error Wrong(Fault fault, ByteView text = {}) {
  const ByteView shown = text.Prefix(kMaxShownBytes);
  return {.fault = fault,
          .text = shown.data(),
          .text_bytes = static_cast<uint32_t>(shown.size())};
}

Error Invalid() {
  return {.fault = Fault::kVmdkOpen, .error = kEinval};
}

Result<uint32_t> ReadMagic(BlockCache& cache, const File& file) {
  if (file.size() == 0) {
    return Wrong(Fault::kVmdkTooSmall);
  }
  const uint32_t magic = TRY(cache.At<Be32>(0));
  return magic;
}

bool IsKnownType(ByteView type) {
  return type.Equals(ByteView::Of("monolithicFlat")) ||
         type.Equals(ByteView::Of("vmfs")) ||
         type.Equals(ByteView::Of("vmfsSparse")) ||
         type.Equals(ByteView::Of("seSparse")) ||
         type.Equals(ByteView::Of("twoGbMaxExtentSparse")) ||
         type.Equals(ByteView::Of("twoGbMaxExtentFlat"));
}

bool IsFlat(ByteView type) {
  return type.Equals(ByteView::Of("FLAT")) || type.Equals(ByteView::Of("VMFS"));
}

bool IsSparse(ByteView type) {
  return type.Equals(ByteView::Of("SPARSE")) ||
         type.Equals(ByteView::Of("VMFSSPARSE"));
}

bool IsSeSparse(ByteView type) {
  return type.Equals(ByteView::Of("SESPARSE"));
}

enum class LineUse : uint8_t { kSkip, kInvalid, kExtent };

LineUse UseOf(const ExtentLine& line) {
  constexpr uint32_t kWithName = 4;
  constexpr uint32_t kWithOffset = 5;
  if (line.num_words < kWithName || !line.access.Equals(ByteView::Of("RW"))) {
    return LineUse::kSkip;
  }
  const bool has_offset = line.num_words == kWithOffset;
  const bool wants_offset = line.type.Equals(ByteView::Of("FLAT"));
  if (has_offset != wants_offset || (wants_offset && line.offset < 0)) {
    return LineUse::kInvalid;
  }
  const bool known =
      IsFlat(line.type) || IsSparse(line.type) || IsSeSparse(line.type);
  return known && line.sectors > 0 ? LineUse::kExtent : LineUse::kSkip;
}

class DiskOpener {
 public:
  DiskOpener(Arena& arena, BlockCache& cache, File& file, Opener& opener)
      : arena_(arena), cache_(cache), file_(file), opener_(opener) {}

  Result<Disk> Open();

 private:
  Status OpenText(uint64_t offset);
  Status OpenExtents(ByteView text);
  Status OpenExtent(const ExtentLine& line);
  Result<File*> OpenFile(ByteView name);
  Result<ImageExtent> ReadSparse(File& file);
  void Append(const ImageExtent& extent);
  Status ReadValues(uint64_t offset);

  Arena& arena_;
  BlockCache& cache_;
  File& file_;
  Opener& opener_;
  Disk disk_;
  std::span<ImageExtent> extents_;
  std::span<ByteView> names_;  // of the extents' files, as recorded
};

Result<Disk> DiskOpener::Open() {
  const uint32_t magic = TRY(ReadMagic(cache_, file_));
  const bool has_text = magic != kSparseMagic && magic != kCowdMagic;
  if (has_text) {
    TRY(OpenText(0));
  } else {
    const SparseHeader header =
        TRY(ReadSparseHeader(cache_, file_, magic, file_));
    if (header.has_descriptor) {
      TRY(OpenText(header.descriptor_offset));
    } else {
      ImageExtent* const extents = TRY(arena_.NewArray<ImageExtent>(1));
      extents_ = std::span(extents, 1);
      if (magic == kSparseMagic) {
        disk_.create_type = ByteView::Of("monolithicSparse");
      }
      Append(header.extent);
    }
  }
  cache_.SetFile(file_);
  disk_.descriptor_offset = has_text ? 0 : kEmbeddedDescriptorOffset;
  TRY(ReadValues(disk_.descriptor_offset));
  if (disk_.num_extents == 0) {
    return Invalid();
  }
  if (disk_.sectors() > kMaxSectors) {
    return Wrong(Fault::kVmdkTooLarge);
  }
  disk_.extents = extents_;
  return disk_;
}

Status DiskOpener::OpenText(uint64_t offset) {
  const uint64_t limit =
      Min(TRY(SectorAlignedSize(file_)), kMaxDescriptorBytes);
  constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();
  if (offset > kMaxOffset - limit) {
    return Error{.fault = Fault::kVmdkOpen, .error = kEinval};
  }
  const ByteView text = TRY(ReadText(cache_, arena_, offset, limit));
  const QuotedValue type = FindQuoted(text, ByteView::Of("createType"));
  if (!type.complete || type.value.size() > kMaxCreateTypeBytes) {
    return Wrong(Fault::kVmdkDescriptor);
  }
  if (!IsKnownType(type.value)) {
    return Wrong(Fault::kVmdkImageType, type.value);
  }
  disk_.create_type = type.value;
  return OpenExtents(text);
}

Status DiskOpener::OpenExtents(ByteView text) {
  uint64_t count = 0;
  ExtentLine line;
  for (ExtentLines lines(text); lines.Next(line);) {
    count += UseOf(line) == LineUse::kExtent ? 1U : 0U;
  }
  if (count > kMaxExtents) {
    return Error{.fault = Fault::kVmdkTooManyExtents, .value = kMaxExtents};
  }
  ImageExtent* const extents = TRY(arena_.NewArray<ImageExtent>(count));
  extents_ = std::span(extents, count);
  ByteView* const names = TRY(arena_.NewArray<ByteView>(count));
  names_ = std::span(names, count);
  for (ExtentLines lines(text); lines.Next(line);) {
    const LineUse use = UseOf(line);
    if (use == LineUse::kInvalid) {
      return Wrong(Fault::kVmdkExtentLine, line.line);
    }
    if (use == LineUse::kExtent) {
      TRY(OpenExtent(line));
    }
  }
  return {};
}

Status DiskOpener::OpenExtent(const ExtentLine& line) {
  File& file = *TRY(OpenFile(line.name));
  ImageExtent extent;
  if (IsFlat(line.type)) {
    const auto start = static_cast<uint64_t>(line.offset < 0 ? 0 : line.offset);
    extent.file = &file;
    extent.sectors = static_cast<uint64_t>(line.sectors);
    extent.grain_sectors = extent.sectors;
    extent.flat_start = start * kSectorBytes;
  } else {
    cache_.SetFile(file);
    extent = IsSeSparse(line.type) ? TRY(ReadSeSparseHeader(cache_, file))
                                   : TRY(ReadSparse(file));
  }
  extent.type = line.type;
  names_[disk_.num_extents] = line.name;
  Append(extent);
  return {};
}

// One file may hold many extents.
Result<File*> DiskOpener::OpenFile(ByteView name) {
  for (uint64_t i = 0; i < disk_.num_extents; ++i) {
    if (names_[i].Equals(name)) {
      return extents_[i].file;
    }
  }
  return opener_.Open(file_, ReferenceRole::kExtent, name, ByteView());
}

Result<ImageExtent> DiskOpener::ReadSparse(File& file) {
  const uint32_t magic = TRY(ReadMagic(cache_, file));
  const SparseHeader header = TRY(ReadSparseHeader(cache_, file, magic, file_));
  if (header.has_descriptor) {
    return Wrong(Fault::kVmdkNested);
  }
  return header.extent;
}

void DiskOpener::Append(const ImageExtent& extent) {
  const uint64_t before =
      disk_.num_extents == 0 ? 0 : extents_[disk_.num_extents - 1].end_sector;
  // An image past what 64 bits count is refused later.
  const uint64_t room = std::numeric_limits<uint64_t>::max() - before;
  extents_[disk_.num_extents] = extent;
  extents_[disk_.num_extents].end_sector = before + Min(extent.sectors, room);
  ++disk_.num_extents;
  disk_.extents = extents_;
  if (extent.compressed) {
    disk_.create_type = ByteView::Of("streamOptimized");
  }
}

Status DiskOpener::ReadValues(uint64_t offset) {
  const ByteView text =
      TRY(ReadText(cache_, arena_, offset, kEmbeddedDescriptorBytes));
  const QuotedValue parent =
      FindQuoted(text, ByteView::Of("parentFileNameHint"));
  if (parent.has_key &&
      (!parent.complete || parent.value.size() > kMaxParentNameBytes)) {
    return Invalid();
  }
  disk_.parent_name = parent.value;
  const ByteView shorter = text.Prefix(kEmbeddedDescriptorBytes - 1);
  disk_.cid = TRY(FindHexadecimal(shorter, ByteView::Of("CID")));
  disk_.parent_cid = TRY(FindHexadecimal(shorter, ByteView::Of("parentCID")));
  return {};
}

}  // namespace

uint64_t Disk::sectors() const {
  return num_extents == 0 ? 0 : extents[num_extents - 1].end_sector;
}

uint64_t Disk::IndexOf(uint64_t sector) const {
  uint64_t low = 0;
  uint64_t high = num_extents - 1;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (sector < extents[middle].end_sector) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

Result<Disk> OpenDisk(Arena& arena, BlockCache& cache, File& file,
                      Opener& opener) {
  DiskOpener disk(arena, cache, file, opener);
  return disk.Open();
}

}  // namespace instar::vmdk
