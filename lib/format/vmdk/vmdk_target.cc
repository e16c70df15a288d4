#include "lib/format/vmdk/vmdk_target.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/vmdk/descriptor_text.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

// Where in the random bytes this id is; a new image has those before it.
constexpr uint64_t kSecondId = 4;

Error Failed(int32_t error) {
  return {.fault = Fault::kErrno, .error = error};
}

// All of an image, where it is made of such grains only.
uint64_t GrainBytes(const Disk& disk) {
  const ImageExtent& first = disk.extents[0];
  return first.kind == ExtentKind::kFlat ? 0
                                         : first.grain_sectors * kSectorBytes;
}

}  // namespace

VmdkTarget::VmdkTarget(LayerCopy copy, File& file, Image* backing,
                       const Disk& disk, ByteView random)
    : Target(disk.sectors() * kSectorBytes, GrainBytes(disk)),
      file_(&file),
      backing_(backing),
      disk_(disk),
      random_(random),
      copy_(copy) {}

Status VmdkTarget::Init(Arena& arena) {
  arena_ = &arena;
  End* const ends = TRY(arena.NewArray<End>(disk_.num_extents));
  ends_ = std::span(ends, disk_.num_extents);
  for (uint64_t i = 0; i < disk_.num_extents; ++i) {
    const ImageExtent& extent = disk_.extents[i];
    const uint64_t sectors = DivRoundUp(extent.file->size(), kSectorBytes);
    ends_[i].sector =
        DivRoundUp(sectors, extent.grain_sectors) * extent.grain_sectors;
  }
  return tables_.Init(arena, *file_);
}

uint64_t VmdkTarget::Piece::grain_bytes() const {
  return extent->grain_sectors * kSectorBytes;
}

// The part of [offset, +length) that is in one grain. A grain that reaches
// into the next extent counts in full, as in qemu.
VmdkTarget::Piece VmdkTarget::PieceAt(uint64_t offset, uint64_t length) const {
  Piece piece;
  piece.index = disk_.IndexOf(offset / kSectorBytes);
  piece.extent = &disk_.extents[piece.index];
  piece.inside = offset - piece.extent->first_sector() * kSectorBytes;
  piece.length = Min(length, piece.grain_bytes() - piece.in_grain());
  return piece;
}

bool VmdkTarget::NeedsGrain(const ImageExtent& extent, uint64_t entry) {
  return entry == 0 || (entry == kZeroedGrain && extent.has_zeroed_grains);
}

// As much of [offset, +length) as lies together.
Result<WriteExtent> VmdkTarget::Allocate(uint64_t offset, uint64_t length) {
  TRY(ChangeContentId());
  const Piece first = PieceAt(offset, length);
  const ImageExtent& extent = *first.extent;
  WriteExtent run = {.file = extent.file};
  if (extent.compressed) {
    return Failed(kEinval);
  }
  if (extent.kind == ExtentKind::kFlat) {
    run.length = first.length;
    run.host_offset = TRY(CheckedAdd(extent.flat_start, first.inside));
    return run;
  }
  while (run.length < length) {
    const Piece piece = PieceAt(offset + run.length, length - run.length);
    if (piece.index != first.index) {
      break;
    }
    const uint64_t entry = TRY(tables_.Load(extent, piece.grain()));
    const bool needs_grain = NeedsGrain(extent, entry);
    const uint64_t sector = needs_grain ? ends_[piece.index].sector : entry;
    const uint64_t host = sector * kSectorBytes + piece.in_grain();
    if (run.length != 0 && host != run.host_offset + run.length) {
      break;
    }
    if (needs_grain) {
      TRY(AddGrain(piece, entry));
    }
    run.host_offset = run.length == 0 ? host : run.host_offset;
    run.length += piece.length;
  }
  return run;
}

// A new grain at the end of the file, with what the piece leaves out filled in.
// Returns its sector.
Result<uint64_t> VmdkTarget::AddGrain(const Piece& piece, uint64_t entry) {
  End& end = ends_[piece.index];
  const uint64_t sector = end.sector;
  if (sector > std::numeric_limits<uint32_t>::max()) {
    return Failed(kEfbig);
  }
  TRY(FillRest(piece, sector * kSectorBytes, entry == kZeroedGrain));
  TRY(tables_.Store(*piece.extent, piece.grain(), sector));
  end = {.sector = sector + piece.extent->grain_sectors, .moved = true};
  return sector;
}

// qemu-img writes all of a new grain, zeroes too: what is allocated shows in
// the disk size.
Status VmdkTarget::FillRest(const Piece& piece, uint64_t host_offset,
                            bool zeroed) {
  const bool copies = backing_ != nullptr && !zeroed;
  if (copies) {
    // A parent that was written to since does not go with this image.
    const VmdkFacts* parent = backing_->facts().vmdk;
    if (parent != nullptr && parent->cid != disk_.parent_cid) {
      return Failed(kEinval);
    }
  }
  const uint64_t head = piece.in_grain();
  const uint64_t data_end = head + piece.length;
  const uint64_t tail = piece.grain_bytes() - data_end;
  File& file = *piece.extent->file;
  TRY(file.Reserve(host_offset, head));
  TRY(file.Reserve(host_offset + data_end, tail));
  if (!copies) {
    return {};
  }
  const uint64_t guest =
      piece.extent->first_sector() * kSectorBytes + piece.grain_start();
  TRY(copy_.CopyRange(backing_, guest, head, file, host_offset, true));
  return copy_.CopyRange(backing_, guest + data_end, tail, file,
                         host_offset + data_end, true);
}

Status VmdkTarget::WriteZeroes(uint64_t offset, uint64_t length,
                               bool /*may_unmap*/) {
  uint64_t done = 0;
  while (done < length) {
    const Piece piece = PieceAt(offset + done, length - done);
    const ImageExtent& extent = *piece.extent;
    const bool as_entry = extent.has_zeroed_grains &&
                          piece.length == piece.grain_bytes() &&
                          extent.kind == ExtentKind::kSparse;
    if (as_entry) {
      TRY(ChangeContentId());
      // The grain that was there is lost, as with qemu-img.
      TRY(tables_.Store(extent, piece.grain(), kZeroedGrain));
      done += piece.length;
      continue;
    }
    const uint64_t wanted =
        extent.has_zeroed_grains ? piece.length : length - done;
    const WriteExtent run = TRY(Allocate(offset + done, wanted));
    TRY(run.file->WriteZeroes(run.host_offset, run.length, false));
    done += run.length;
  }
  return {};
}

// As one kind of grain is packed, so are all.
Result<PackRules> VmdkTarget::Packing() const {
  for (uint64_t i = 0; i < disk_.num_extents; ++i) {
    const ImageExtent& extent = disk_.extents[i];
    if (!extent.compressed ||
        extent.has_markers != disk_.extents[0].has_markers) {
      return Failed(kEopnotsupp);
    }
  }
  return PackRules{.method = codec::PackMethod::kZlib,
                   .prefix_bytes = disk_.extents[0].has_markers
                                       ? GrainMarkerLayout::kSize
                                       : 0,
                   .alignment = kSectorBytes,
                   .always = true};
}

Result<WriteExtent> VmdkTarget::AllocatePacked(uint64_t offset,
                                               uint64_t packed_bytes,
                                               MutableBytes prefix) {
  const Piece piece = PieceAt(offset, cluster_size_);
  const ImageExtent& extent = *piece.extent;
  if (!extent.compressed || piece.in_grain() != 0) {
    return Failed(kEinval);
  }
  TRY(ChangeContentId());
  const uint64_t entry = TRY(tables_.Load(extent, piece.grain()));
  if (entry != 0) {
    return Error{.fault = Fault::kVmdkGrainWritten};
  }
  if (!prefix.empty()) {
    using L = GrainMarkerLayout;
    const uint32_t length_field = TRY(Narrow<uint32_t>(packed_bytes));
    TRY(prefix.Put<Le64>(L::kSector.offset, offset / kSectorBytes));
    TRY(prefix.Put<Le32>(L::kPackedBytes.offset, length_field));
  }
  End& end = ends_[piece.index];
  const uint64_t host = end.sector * kSectorBytes;
  TRY(tables_.Store(extent, piece.grain(), end.sector));
  const uint64_t sectors =
      DivRoundUp(prefix.size() + packed_bytes, kSectorBytes);
  end = {.sector = end.sector + sectors, .moved = true};
  return WriteExtent{.length = sectors * kSectorBytes,
                     .file = extent.file,
                     .host_offset = host};
}

// Children of the image find out that it is not the one they were made on.
Status VmdkTarget::ChangeContentId() {
  const ByteView random = random_;
  random_ = {};
  if (random.empty()) {
    return {};
  }
  const uint32_t cid = TRY(random.At<Le32>(kSecondId));
  return ReplaceContentId(*arena_, *file_, disk_.descriptor_offset, cid);
}

Status VmdkTarget::Finish() {
  TRY(tables_.Flush());
  for (uint64_t i = 0; i < disk_.num_extents; ++i) {
    File& file = *disk_.extents[i].file;
    const uint64_t end = ends_[i].sector * kSectorBytes;
    if (ends_[i].moved && file.size() < end) {
      TRY(file.Truncate(end, FilePreallocation::kSparse));
    }
    if (&file != file_) {
      TRY(file.Flush());
    }
  }
  return {};
}

}  // namespace instar::vmdk
