// An Apple disk image opened for reading.
#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/block_cache.h"
#include "lib/format/dmg/chunk_table.h"
#include "lib/format/dmg/chunk_walk.h"
#include "lib/format/dmg/layout.h"
#include "lib/format/host_extents.h"
#include "lib/format/image.h"

namespace instar::dmg {
namespace {

constexpr uint8_t kName[] = {'d', 'm', 'g'};
constexpr ByteView kNameView{kName, sizeof kName};

// One block of the table, one more for tags across the border of two.
constexpr uint64_t kCachedBlocks = 2;

// What is stored may begin here at the latest, so that it ends where a file
// can.
constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max() / 2;

// The longest image that qemu opens.
constexpr uint64_t kMaxImageBytes = (uint64_t{1} << 63) - (uint64_t{1} << 30);

struct Trailer {
  uint64_t offset = 0;
  uint64_t data_fork = 0;
  uint64_t resource_offset = 0;
  uint64_t resource_bytes = 0;
  uint64_t xml_offset = 0;
  uint64_t xml_bytes = 0;
  uint64_t num_sectors = 0;
};

Error Broken() {
  return {.fault = Fault::kDmgStructure};
}

// The structure's own errors have no words in qemu.
Error Worded(const Error& error) {
  const bool broken = error.fault == Fault::kErrno && error.error == kEinval;
  return broken ? Broken() : error;
}

// Looks for the trailer where qemu does: in the sector before the last one,
// and a bit further, as far as its first byte is concerned.
Result<uint64_t> FindTrailer(BlockCache& cache, const File& file) {
  constexpr uint64_t kWindow = 515;
  const uint64_t size = TRY(SectorAlignedSize(file));
  if (size < kSectorBytes) {
    return Error{.fault = Fault::kDmgTooShort};
  }
  const uint64_t start =
      size > 2 * kSectorBytes - 1 ? size - (2 * kSectorBytes - 1) : 0;
  uint8_t bytes[kWindow];
  const MutableBytes window(bytes, Min(size, kWindow));
  TRY(cache.Copy(start, window));
  for (uint64_t i = 0; i + Be32::kSize <= window.size(); ++i) {
    const uint32_t magic = TRY(window.view().At<Be32>(i));
    if (magic == kTrailerMagic) {
      return start + i;
    }
  }
  return Error{.fault = Fault::kDmgNoTrailer};
}

// Whether [offset, +length) lies before the trailer.
bool IsBefore(const Trailer& trailer, uint64_t offset, uint64_t length) {
  return offset < trailer.offset && length <= trailer.offset - offset;
}

Result<Trailer> ReadTrailer(BlockCache& cache, const File& file) {
  using L = TrailerLayout;
  const uint64_t offset = TRY(FindTrailer(cache, file));
  uint8_t bytes[L::kSize];
  TRY(cache.Copy(offset, MutableBytes(bytes, sizeof bytes)));
  const FixedView<L::kSize> raw(bytes);
  const Trailer trailer = {
      .offset = offset,
      .data_fork = raw.Get<L::kDataForkOffset>(),
      .resource_offset = raw.Get<L::kResourceOffset>(),
      .resource_bytes = raw.Get<L::kResourceBytes>(),
      .xml_offset = raw.Get<L::kXmlOffset>(),
      .xml_bytes = raw.Get<L::kXmlBytes>(),
      .num_sectors = raw.Get<L::kNumSectors>(),
  };
  if (trailer.data_fork > offset ||
      !IsBefore(trailer, trailer.resource_offset, trailer.resource_bytes) ||
      !IsBefore(trailer, trailer.xml_offset, trailer.xml_bytes) ||
      trailer.num_sectors > std::numeric_limits<int64_t>::max()) {
    return Broken();
  }
  return trailer;
}

Result<ChunkWalk> StartWalk(BlockCache& cache, const Trailer& trailer) {
  using L = ResourceLayout;
  if (trailer.resource_bytes == 0) {
    if (trailer.xml_bytes == 0 || trailer.xml_bytes > kMaxXmlBytes) {
      return Broken();
    }
    return ChunkWalk::OfXml(trailer.xml_offset,
                            trailer.xml_offset + trailer.xml_bytes,
                            trailer.data_fork);
  }
  uint8_t bytes[L::kSize];
  TRY(cache.Copy(trailer.resource_offset, MutableBytes(bytes, sizeof bytes)));
  const FixedView<L::kSize> raw(bytes);
  const uint64_t start = raw.Get<L::kDataOffset>();
  const uint64_t length = raw.Get<L::kDataBytes>();
  if (start > trailer.resource_bytes || length == 0 ||
      length > trailer.resource_bytes - start) {
    return Broken();
  }
  const uint64_t begin = trailer.resource_offset + start;
  return ChunkWalk::OfResources(begin, begin + length, trailer.data_fork);
}

class DmgImage final : public Image {
 public:
  explicit DmgImage(File& file) : Image(file, {}) {}
  DmgImage(const DmgImage&) = delete;
  DmgImage& operator=(const DmgImage&) = delete;

  // Called once, before anything else.
  Status Open(Arena& arena);

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override;

  // What is packed tells how by its first bytes: no zlib stream begins with
  // bzip2's magic.
  Status Unpack(ByteView packed, MutableBytes out,
                codec::Unpacker& unpacker) const override {
    return packed.StartsWith(ByteView::Of("BZh"))
               ? unpacker.Bunzip2(packed, out)
               : unpacker.InflateZlib(packed, out, false);
  }

  Status List(FactsVisitor& /*visitor*/) override { return {}; }

 private:
  Status LocateInChunk(uint64_t offset, Extent& extent);

  BlockCache cache_;
  ChunkTable chunks_;
};

Status DmgImage::Open(Arena& arena) {
  cache_ = TRY(BlockCache::Create(arena, *file_, kCachedBlocks));
  const Trailer trailer = TRY(ReadTrailer(cache_, *file_));
  const ChunkWalk walk = TRY(StartWalk(cache_, trailer));
  const auto chunks = ChunkTable::Create(arena, cache_, walk);
  if (!chunks.ok()) {
    return Worded(chunks.error());
  }
  chunks_ = chunks.value();
  if (trailer.num_sectors > kMaxImageBytes / kSectorBytes) {
    return Error{.fault = Fault::kDmgSize};
  }
  facts_.format = kNameView;
  facts_.virtual_size = trailer.num_sectors * kSectorBytes;
  facts_.max_cluster_bytes = chunks_.max_cluster_bytes();
  return {};
}

Result<Extent> DmgImage::Locate(uint64_t offset, uint64_t length, bool exact) {
  if (offset >= virtual_size()) {
    return Extent{.flags = kExtentEof};
  }
  Extent extent = {.length = Min(length, virtual_size() - offset),
                   .flags = kExtentData | kExtentAllocated};
  if (!exact) {
    TRY(LocateInChunk(offset, extent));
  }
  if (offset + extent.length == virtual_size()) {
    extent.flags |= kExtentEof;
  }
  return extent;
}

// Cuts `extent` to what one chunk holds of it.
Status DmgImage::LocateInChunk(uint64_t offset, Extent& extent) {
  const Error failure = {.fault = Fault::kErrno, .error = kEio};
  const uint64_t sector = offset / kSectorBytes;
  Chunk chunk;
  const bool found = TRY(chunks_.Find(cache_, sector, chunk));
  if (!found) {
    return failure;
  }
  const uint64_t at =
      (sector - chunk.sector) * kSectorBytes + offset % kSectorBytes;
  const uint64_t end =
      Min(chunk.num_sectors, kMaxImageBytes / kSectorBytes) * kSectorBytes;
  if (at >= end) {
    return failure;
  }
  extent.length = Min(extent.length, end - at);
  if (chunk.type == kChunkZero || chunk.type == kChunkIgnored) {
    extent.flags = kExtentZero | kExtentAllocated;
    return {};
  }
  if (chunk.offset > kMaxOffset) {
    return failure;
  }
  extent.file = file_;
  if (chunk.type != kChunkRaw) {
    extent.flags |= kExtentCompressed;
    extent.host_offset = chunk.offset;
    extent.stored_bytes = chunk.bytes;
    extent.cluster_offset = at;
    extent.cluster_bytes = end;
  } else if (at < chunk.bytes) {
    extent.length = Min(extent.length, chunk.bytes - at);
    extent.flags |= kExtentOffset;
    extent.host_offset = chunk.offset + at;
  } else {
    extent.flags = kExtentZero | kExtentAllocated;  // never stored
  }
  return {};
}

// The one format that is told by the file's name.
int ProbeDmg(ByteView /*head*/, ByteView filename) {
  constexpr int kGuess = 2;
  const ByteView ending = ByteView::Of(".dmg");
  if (filename.size() <= ending.size()) {
    return 0;
  }
  const auto last =
      filename.Slice(filename.size() - ending.size(), ending.size());
  return last.ok() && last.value().Equals(ending) ? kGuess : 0;
}

Result<Image*> OpenDmg(Arena& arena, File& file, Opener& /*opener*/,
                       const OpenOptions& /*options*/) {
  DmgImage* image = TRY(arena.New<DmgImage>(file));
  TRY(image->Open(arena));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeDmg, .open = &OpenDmg};

}  // namespace instar::dmg
