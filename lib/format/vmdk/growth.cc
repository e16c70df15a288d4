#include "lib/format/vmdk/growth.h"

#include "lib/base/checked.h"
#include "lib/format/block_cache.h"
#include "lib/format/resize.h"
#include "lib/format/vmdk/descriptor_growth.h"
#include "lib/format/vmdk/disk.h"
#include "lib/format/vmdk/extent_opener.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

using L = SparseLayout;

constexpr uint64_t kPieceBytes = 64 * 1024;
// What a split image's extents may have.
constexpr uint64_t kMaxSplitBytes = uint64_t{2} << 30;

Error Unsupported(ByteView what) {
  return {.fault = Fault::kUnsupported,
          .text = what.data(),
          .text_bytes = static_cast<uint32_t>(what.size())};
}

// Directories and tables of a sparse extent that gets more sectors.
class SparseGrowth {
 public:
  SparseGrowth(Arena& arena, const ImageExtent& extent, uint64_t sectors)
      : arena_(&arena),
        extent_(&extent),
        file_(extent.file),
        sectors_(sectors),
        num_tables_(DivRoundUp(sectors, extent.table_sectors())) {}

  Status Run();

 private:
  uint64_t table_bytes() const { return extent_->table_entries * Le32::kSize; }
  Result<uint64_t> AddDirectory(uint64_t old_directory);
  Status PutHeader(uint64_t directory, uint64_t second_directory);

  Arena* arena_;
  const ImageExtent* extent_;
  File* file_;
  uint64_t sectors_;
  uint64_t num_tables_;
};

Status SparseGrowth::Run() {
  uint64_t directory = extent_->directory_offset;
  uint64_t second = extent_->second_directory_offset;
  if (num_tables_ > extent_->num_directory_entries) {
    if (second != 0) {
      second = TRY(AddDirectory(second));
    }
    directory = TRY(AddDirectory(directory));
    TRY(file_->Flush());
  }
  return PutHeader(directory, second);
}

// At the end of the file: a directory with all tables that there are, and new,
// empty ones behind it. Returns where it is.
Result<uint64_t> SparseGrowth::AddDirectory(uint64_t old_directory) {
  const uint64_t start = TRY(CheckedAlignUp(file_->size(), kSectorBytes));
  const uint64_t first_table =
      TRY(CheckedAlignUp(start + num_tables_ * Le32::kSize, kSectorBytes));
  const uint64_t num_old = extent_->num_directory_entries;
  const uint64_t tables_bytes = (num_tables_ - num_old) * table_bytes();
  const uint64_t end =
      TRY(CheckedAlignUp(first_table + tables_bytes, kSectorBytes));
  TRY(file_->Truncate(end, FilePreallocation::kSparse));
  const uint64_t mark = arena_->Mark();
  const MutableBytes buffer = TRY(arena_->Allocate(kPieceBytes));
  const uint64_t bytes = num_tables_ * Le32::kSize;
  for (uint64_t done = 0; done < bytes; done += buffer.size()) {
    const MutableBytes piece = buffer.Prefix(bytes - done);
    TRY(file_->ReadAt(old_directory + done, piece));
    for (uint64_t at = 0; at < piece.size(); at += Le32::kSize) {
      const uint64_t table = (done + at) / Le32::kSize;
      if (table >= num_old) {
        const uint64_t place = first_table + (table - num_old) * table_bytes();
        const uint32_t sector = TRY(Narrow<uint32_t>(place / kSectorBytes));
        TRY(piece.Put<Le32>(at, sector));
      }
    }
    TRY(file_->WriteAt(start + done, piece.view()));
  }
  arena_->Rewind(mark);
  return start;
}

// The fields lie in one sector.
Status SparseGrowth::PutHeader(uint64_t directory, uint64_t second_directory) {
  uint8_t bytes[L::kSize] = {};
  const MutableBytes header(bytes, sizeof bytes);
  TRY(file_->ReadAt(0, header));
  TRY(header.Put<Le64>(L::kCapacity.offset, sectors_));
  TRY(header.Put<Le64>(L::kDirectoryOffset.offset, directory / kSectorBytes));
  if (second_directory != 0) {
    TRY(header.Put<Le64>(L::kRedundantDirectoryOffset.offset,
                         second_directory / kSectorBytes));
  }
  TRY(file_->WriteAt(0, header.view()));
  return file_->Flush();
}

// A KDMV file whose tables lie in the open.
Status CheckSparse(const ImageExtent& extent) {
  uint8_t bytes[L::kSize] = {};
  TRY(extent.file->ReadAt(0, MutableBytes(bytes, sizeof bytes)));
  const FixedView<L::kSize> raw(bytes);
  if (raw.Get<L::kMagic>() != kSparseMagic || extent.compressed ||
      extent.has_markers || extent.has_tracked_changes ||
      raw.Get<L::kDirectoryOffset>() == kDirectoryAtEnd) {
    return Unsupported(ByteView::Of("growing this kind of VMDK extent"));
  }
  return {};
}

// It must be the last one of its file, too.
Status CheckFlat(const ImageExtent& extent) {
  const uint64_t end =
      TRY(CheckedAdd(extent.flat_start, extent.sectors * kSectorBytes));
  if (extent.file->size() > end) {
    return Unsupported(ByteView::Of("growing a VMDK extent inside its file"));
  }
  return {};
}

bool IsSplit(const Disk& disk) {
  return disk.create_type.Equals(ByteView::Of("twoGbMaxExtentSparse")) ||
         disk.create_type.Equals(ByteView::Of("twoGbMaxExtentFlat"));
}

Status CheckLast(const Disk& disk, uint64_t sectors) {
  const ImageExtent& last = disk.extents[disk.num_extents - 1];
  if (IsSplit(disk) && sectors > kMaxSplitBytes / kSectorBytes) {
    return Unsupported(ByteView::Of("adding files to a split VMDK image"));
  }
  if (last.kind == ExtentKind::kSeSparse) {
    return Error{.fault = Fault::kVmdkSeReadOnly};
  }
  return last.kind == ExtentKind::kFlat ? CheckFlat(last) : CheckSparse(last);
}

}  // namespace

Status Grow(Arena& arena, File& file, Opener& opener, uint64_t bytes) {
  BlockCache cache = TRY(BlockCache::Create(arena, file, 1));
  ExtentOpener extents(opener);
  const Disk disk = TRY(OpenDisk(arena, cache, file, extents));
  const ImageExtent& last = disk.extents[disk.num_extents - 1];
  const uint64_t added = bytes / kSectorBytes - disk.sectors();
  const uint64_t sectors = TRY(CheckedAdd(last.sectors, added));
  TRY(CheckLast(disk, sectors));
  DescriptorGrowth text(arena, file, disk.descriptor_offset);
  TRY(text.Prepare(sectors, bytes));
  if (last.kind == ExtentKind::kFlat) {
    TRY(last.file->Truncate(last.flat_start + sectors * kSectorBytes,
                            FilePreallocation::kSparse));
    TRY(last.file->Flush());
  } else {
    TRY(SparseGrowth(arena, last, sectors).Run());
  }
  return text.Write();
}

}  // namespace instar::vmdk

namespace instar {

Status GrowVmdk(Arena& arena, File& file, Opener& opener, uint64_t bytes) {
  return vmdk::Grow(arena, file, opener, bytes);
}

}  // namespace instar
