// A VMDK image opened for reading.
#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/host_extents.h"
#include "lib/format/image.h"
#include "lib/format/vmdk/disk.h"
#include "lib/format/vmdk/grain_map.h"
#include "lib/format/vmdk/layout.h"
#include "lib/format/vmdk/probe.h"

namespace instar::vmdk {
namespace {

constexpr uint8_t kName[] = {'v', 'm', 'd', 'k'};
constexpr ByteView kNameView{kName, sizeof kName};

Error Failed(int32_t error) {
  return {.fault = Fault::kErrno, .error = error};
}

// Adds what the file that holds a flat extent has as holes.
void LookInHostFile(Extent& extent) {
  const auto host =
      LocateInHostFile(*extent.file, extent.host_offset, extent.length);
  if (!host.ok()) {
    return;  // this is only extra information
  }
  const bool past_end = host.value().ends_file && !host.value().data;
  if (!past_end) {
    extent.length = host.value().length;
  }
  if (!host.value().data) {
    extent.flags |= kExtentZero;
  }
}

class VmdkImage final : public Image {
 public:
  VmdkImage(Arena& arena, File& file) : Image(file, {}), arena_(&arena) {}
  VmdkImage(const VmdkImage&) = delete;
  VmdkImage& operator=(const VmdkImage&) = delete;

  // Called once, before anything else.
  Status Open(Opener& opener, const OpenOptions& options);

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override;
  Status Unpack(ByteView packed, MutableBytes out,
                codec::Unpacker& unpacker) const override;
  Status List(FactsVisitor& visitor) override;

 private:
  void SetFacts();
  Status PrepareUnpacking();
  Status CheckParent() const;
  Status LocatePacked(const ImageExtent& part, Extent& extent);
  uint64_t UnpackedBytes(uint64_t grain_start, uint64_t grain_bytes) const {
    return Min(grain_bytes, virtual_size() - grain_start);
  }

  Arena* arena_;
  Disk disk_;
  VmdkFacts vmdk_facts_;
  GrainMap map_;
  BlockCache markers_;  // of packed grains, and the file that has them
  File* marker_file_ = nullptr;
  bool has_packed_ = false;
  bool has_markers_ = false;
  // Of the image's last grain, where it is cut short; else 0.
  uint64_t last_grain_bytes_ = 0;
};

Status VmdkImage::Open(Opener& opener, const OpenOptions& options) {
  BlockCache cache = TRY(BlockCache::Create(*arena_, *file_, 1));
  disk_ = TRY(OpenDisk(*arena_, cache, *file_, opener));
  SetFacts();
  if (options.info_only) {
    return {};
  }
  map_ = TRY(GrainMap::Create(*arena_, *file_));
  markers_ = cache;
  marker_file_ = file_;
  markers_.SetBlockBytes(BlockCache::kMaxBlockBytes);
  return PrepareUnpacking();
}

void VmdkImage::SetFacts() {
  vmdk_facts_ = {.cid = disk_.cid,
                 .parent_cid = disk_.parent_cid,
                 .create_type = disk_.create_type};
  facts_.format = kNameView;
  facts_.virtual_size = disk_.sectors() * kSectorBytes;
  facts_.vmdk = &vmdk_facts_;
  facts_.backing_file = disk_.parent_name;
  facts_.has_backing_file = !disk_.parent_name.empty();
  if (facts_.has_backing_file) {
    facts_.backing_format = kNameView;
  }
  // qemu-img tells none where extents differ.
  const ImageExtent& first = disk_.extents[0];
  bool alike = true;
  for (uint64_t i = 0; i < disk_.num_extents; ++i) {
    const ImageExtent& extent = disk_.extents[i];
    const uint64_t grain_bytes = extent.grain_sectors * kSectorBytes;
    alike = alike && extent.kind != ExtentKind::kFlat &&
            extent.grain_sectors == first.grain_sectors &&
            extent.compressed == first.compressed;
    if (extent.compressed) {
      facts_.max_cluster_bytes = Max(facts_.max_cluster_bytes, grain_bytes);
    }
  }
  facts_.cluster_size = alike ? first.grain_sectors * kSectorBytes : 0;
}

// Unpack is not told which extent a grain belongs to.
Status VmdkImage::PrepareUnpacking() {
  for (uint64_t i = 0; i < disk_.num_extents; ++i) {
    const ImageExtent& extent = disk_.extents[i];
    if (!extent.compressed) {
      continue;
    }
    if (has_packed_ && has_markers_ != extent.has_markers) {
      return Error{.fault = Fault::kVmdkMixedStreams};
    }
    has_packed_ = true;
    has_markers_ = extent.has_markers;
  }
  const ImageExtent& last = disk_.extents[disk_.num_extents - 1];
  last_grain_bytes_ = last.sectors % last.grain_sectors * kSectorBytes;
  return {};
}

// A parent that was written to since does not go with this image. qemu-img
// finds out when it reads from it.
Status VmdkImage::CheckParent() const {
  if (backing_ == nullptr) {
    return {};
  }
  const VmdkFacts* parent = backing_->facts().vmdk;
  if (parent == nullptr || parent->cid != disk_.parent_cid) {
    return Failed(kEinval);
  }
  return {};
}

Result<Extent> VmdkImage::Locate(uint64_t offset, uint64_t length, bool exact) {
  if (offset >= virtual_size()) {
    return Extent{.flags = kExtentEof};
  }
  const uint64_t wanted = Min(length, virtual_size() - offset);
  if (wanted == 0) {
    return Extent{};
  }
  const ImageExtent& part = disk_.ExtentAt(offset / kSectorBytes);
  const uint64_t inside = offset - part.first_sector() * kSectorBytes;
  const uint64_t grain_bytes = part.grain_sectors * kSectorBytes;
  const uint64_t in_grain = inside % grain_bytes;
  // A grain that reaches into the next extent counts in full, as in qemu.
  Extent extent = {.length = Min(wanted, grain_bytes - in_grain)};
  const Grain grain = TRY(map_.Find(part, inside / kSectorBytes));
  switch (grain.kind) {
    case GrainKind::kBroken:
      return Failed(kEio);
    case GrainKind::kUnallocated:
      if (!exact) {
        TRY(CheckParent());
      }
      break;
    case GrainKind::kZeroed:
      extent.flags = kExtentZero | kExtentAllocated;
      break;
    case GrainKind::kStored:
      extent.flags = kExtentData | kExtentAllocated;
      extent.file = part.file;
      extent.host_offset = grain.offset;
      break;
  }
  if (grain.kind == GrainKind::kStored && part.compressed) {
    extent.flags |= kExtentCompressed;
    extent.cluster_offset = in_grain;
    extent.cluster_bytes = UnpackedBytes(offset - in_grain, grain_bytes);
    extent.stored_bytes = 2 * grain_bytes;
    if (!exact) {
      TRY(LocatePacked(part, extent));
    }
  } else if (grain.kind == GrainKind::kStored) {
    extent.flags |= kExtentOffset;
    extent.host_offset += in_grain;
    if (exact && part.kind == ExtentKind::kFlat) {
      LookInHostFile(extent);
    }
  }
  if (offset + extent.length == virtual_size()) {
    extent.flags |= kExtentEof;
  }
  return extent;
}

// Narrows what is stored of a packed grain down to what its marker says. The
// next grain's marker lies behind it, so that reads of one run into the next.
Status VmdkImage::LocatePacked(const ImageExtent& part, Extent& extent) {
  if (!part.has_markers) {
    return {};
  }
  if (marker_file_ != part.file) {
    marker_file_ = part.file;
    markers_.SetFile(*part.file);
  }
  const uint64_t packed = TRY(markers_.At<Le32>(
      extent.host_offset + GrainMarkerLayout::kPackedBytes.offset));
  if (packed == 0 || packed > extent.stored_bytes) {
    return Failed(kEinval);
  }
  extent.stored_bytes =
      TRY(CheckedAlignUp(GrainMarkerLayout::kSize + packed, kSectorBytes));
  return {};
}

Status VmdkImage::Unpack(ByteView packed, MutableBytes out,
                         codec::Unpacker& unpacker) const {
  ByteView stream = packed;
  if (has_markers_) {
    const auto length = packed.At<Le32>(GrainMarkerLayout::kPackedBytes.offset);
    const auto slice =
        length.ok() ? packed.Slice(GrainMarkerLayout::kSize, length.value())
                    : Result<ByteView>(length.error());
    if (!slice.ok()) {
      return Failed(kEinval);
    }
    stream = slice.value();
  }
  const bool may_go_on = out.size() == last_grain_bytes_;
  return unpacker.InflateZlib(stream, out, may_go_on).ok() ? Status()
                                                           : Failed(kEinval);
}

Status VmdkImage::List(FactsVisitor& visitor) {
  for (uint64_t i = 0; i < disk_.num_extents; ++i) {
    const ImageExtent& extent = disk_.extents[i];
    const bool flat = extent.kind == ExtentKind::kFlat;
    TRY(visitor.OnExtent(
        {.file = extent.file,
         .format = extent.type,
         .virtual_size = extent.sectors * kSectorBytes,
         .cluster_size = flat ? 0 : extent.grain_sectors * kSectorBytes,
         .compressed = extent.compressed}));
  }
  return {};
}

Result<Image*> OpenVmdk(Arena& arena, File& file, Opener& opener,
                        const OpenOptions& options) {
  VmdkImage* image = TRY(arena.New<VmdkImage>(arena, file));
  TRY(image->Open(opener, options));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeVmdk, .open = &OpenVmdk};

}  // namespace instar::vmdk
