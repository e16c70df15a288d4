#include "lib/format/vhdx/growth.h"

#include "lib/base/checked.h"
#include "lib/format/resize.h"
#include "lib/format/table_window.h"
#include "lib/format/vhdx/crc32c.h"
#include "lib/format/vhdx/header.h"
#include "lib/format/vhdx/log_writer.h"
#include "lib/format/vhdx/structure.h"

namespace instar::vhdx {
namespace {

// [MS-VHDX] 2.6.2.2: the most that a disk may have.
constexpr uint64_t kMaxDiskBytes = uint64_t{64} << 40;
// qemu's cap on the table's region.
constexpr uint64_t kMaxBatBytes = uint64_t{1} << 31;

class Growth {
 public:
  Growth(Arena& arena, File& file, const Header& header,
         const Structure& structure, uint64_t bytes)
      : arena_(&arena),
        file_(&file),
        header_(header),
        bat_(structure.regions.bat()),
        metadata_(structure.regions.metadata()),
        block_bytes_(structure.parameters.block_bytes),
        chunk_ratio_(kSectorsPerBitmapBlock * kSectorBytes / block_bytes_),
        old_blocks_(
            DivRoundUp(structure.parameters.virtual_size, block_bytes_)),
        new_blocks_(DivRoundUp(bytes, block_bytes_)),
        disk_bytes_(bytes) {}

  Status Run();

 private:
  // Where the entry of a block is, from the table's start.
  uint64_t PlaceOf(uint64_t block) const {
    return (block + block / chunk_ratio_) * kBatEntryBytes;
  }
  Status FindItems();
  Status UpdateHeaders();
  Status MoveBat(uint64_t length);
  Status PutRegion(uint64_t table_offset);
  Status AddEntries();
  Status PutDiskSize();

  Arena* arena_;
  File* file_;
  Header header_;
  Region bat_;
  Region metadata_;
  MutableBytes buffer_;
  uint64_t block_bytes_;
  uint64_t chunk_ratio_;  // blocks in front of each sector bitmap's entry
  uint64_t old_blocks_;
  uint64_t new_blocks_;
  uint64_t disk_bytes_;
  uint64_t size_item_ = 0;  // where the disk's length is, in the file
  bool is_fixed_ = false;
};

Status Growth::Run() {
  buffer_ = TRY(arena_->Allocate(RegionTableLayout::kSize, 4096));
  TRY(FindItems());
  const uint64_t length = PlaceOf(new_blocks_ - 1) + kBatEntryBytes;
  if (length > kMaxBatBytes) {
    return Error{.fault = Fault::kResizeOwnSize, .value = disk_bytes_};
  }
  TRY(UpdateHeaders());
  if (length > bat_.length) {
    TRY(MoveBat(length));
  }
  TRY(AddEntries());
  TRY(file_->Flush());
  return PutDiskSize();
}

// Where the disk's length is, and whether all its blocks are to be there.
Status Growth::FindItems() {
  using E = MetadataEntryLayout;
  TRY(file_->ReadAt(metadata_.offset, buffer_));
  const ByteView table = buffer_.view();
  const uint64_t count =
      TRY(table.At<Le16>(MetadataTableLayout::kNumEntries.offset));
  uint64_t parameters = 0;
  for (uint64_t i = 0; i < Min(count, kMaxMetadataItems); ++i) {
    const auto entry = TRY(
        table.Fixed<E::kSize>(MetadataTableLayout::kHeaderSize + i * E::kSize));
    const Guid guid = {.low = entry.Get<E::kGuidLow>(),
                       .high = entry.Get<E::kGuidHigh>()};
    const uint64_t place = metadata_.offset + entry.Get<E::kOffset>();
    size_item_ = guid == kMetadataGuids[kVirtualDiskSize] ? place : size_item_;
    parameters = guid == kMetadataGuids[kFileParameters] ? place : parameters;
  }
  // Opening has found both.
  INSTAR_CHECK(size_item_ != 0 && parameters != 0);
  uint8_t bytes[FileParametersLayout::kSize] = {};
  TRY(file_->ReadAt(parameters, MutableBytes(bytes, sizeof bytes)));
  const FixedView<FileParametersLayout::kSize> raw(bytes);
  is_fixed_ =
      (raw.Get<FileParametersLayout::kFlags>() & kLeaveBlocksAllocated) != 0;
  return {};
}

// Both headers, as before a first write: caches of the image are outdated.
Status Growth::UpdateHeaders() {
  using L = HeaderLayout;
  const MutableBytes out = buffer_.Prefix(L::kSize);
  TRY(file_->ReadAt(kHeaderOffsets[header_.copy], out));
  const uint64_t seed = TRY(out.view().At<Le64>(L::kFileWriteGuid));
  GuidSource guids(seed ^ header_.sequence_number);
  TRY(guids.Put(out, L::kFileWriteGuid));
  TRY(guids.Put(out, L::kDataWriteGuid));
  for (uint32_t i = 1; i <= 2; ++i) {
    TRY(out.Put<Le64>(L::kSequenceNumber.offset, header_.sequence_number + i));
    Seal(out);
    TRY(file_->WriteAt(kHeaderOffsets[(header_.copy + i) % 2],
                       out.Prefix(L::kUsedBytes).view()));
    TRY(file_->Flush());
  }
  return {};
}

Status Growth::MoveBat(uint64_t length) {
  const Region old = bat_;
  bat_.offset = TRY(CheckedAlignUp(file_->size(), kMib));
  bat_.length = TRY(CheckedAlignUp(length, kMib));
  TRY(file_->Truncate(bat_.offset + bat_.length, FilePreallocation::kSparse));
  const uint64_t used = Min(PlaceOf(old_blocks_), old.length);
  for (uint64_t done = 0; done < used; done += buffer_.size()) {
    const MutableBytes piece = buffer_.Prefix(used - done);
    TRY(file_->ReadAt(old.offset + done, piece));
    TRY(file_->WriteAt(bat_.offset + done, piece.view()));
  }
  TRY(file_->Flush());
  TRY(PutRegion(kRegionTableOffset));
  return PutRegion(kRegionTableCopy);
}

// What changes of a table lies in its first sector, unless it is a long one.
Status Growth::PutRegion(uint64_t table_offset) {
  using E = RegionEntryLayout;
  using L = RegionTableLayout;
  TRY(file_->ReadAt(table_offset, buffer_));
  const uint64_t count = TRY(buffer_.view().At<Le32>(L::kNumEntries.offset));
  uint64_t end = 0;
  for (uint64_t i = 0; i < Min(count, kMaxRegions); ++i) {
    const uint64_t at = L::kHeaderSize + i * E::kSize;
    const MutableBytes entry = TRY(buffer_.Slice(at, E::kSize));
    const auto raw = TRY(entry.view().Fixed<E::kSize>(0));
    const Guid guid = {.low = raw.Get<E::kGuidLow>(),
                       .high = raw.Get<E::kGuidHigh>()};
    if (guid == kBatRegion) {
      TRY(entry.Put<Le64>(E::kFileOffset.offset, bat_.offset));
      TRY(entry.Put<Le32>(E::kLength.offset,
                          static_cast<uint32_t>(bat_.length)));
      end = at + E::kSize;
    }
  }
  Seal(buffer_);
  TRY(file_->WriteAt(table_offset, buffer_.Prefix(end).view()));
  return file_->Flush();
}

// Of a fixed disk all new blocks are there, at the end of the file.
Status Growth::AddEntries() {
  TableWindow table =
      TRY(TableWindow::Create(*arena_, *file_, bat_.offset, bat_.length));
  uint64_t end = TRY(CheckedAlignUp(file_->size(), kMib));
  for (uint64_t block = old_blocks_; block < new_blocks_; ++block) {
    const uint64_t entry =
        is_fixed_ ? end | kPayloadFullyPresent : uint64_t{kPayloadNotPresent};
    TRY(table.Store<Le64>(PlaceOf(block), entry));
    end += is_fixed_ ? block_bytes_ : 0;
  }
  if (is_fixed_) {
    TRY(file_->Truncate(end, FilePreallocation::kSparse));
  }
  // Entries of sector bitmaps were zero from the start.
  return table.Flush();
}

Status Growth::PutDiskSize() {
  uint8_t bytes[Le64::kSize] = {};
  Le64::Encode(bytes, disk_bytes_);
  TRY(file_->WriteAt(size_item_, ByteView(bytes, sizeof bytes)));
  return file_->Flush();
}

}  // namespace

Status Grow(Arena& arena, File& file, uint64_t bytes) {
  Structure structure;
  TRY(OpenStructure(arena, file, false, structure));
  if (bytes > kMaxDiskBytes) {
    return Error{.fault = Fault::kResizeOwnSize, .value = bytes};
  }
  const Header header = TRY(ReadHeader(file, arena));
  return Growth(arena, file, header, structure, bytes).Run();
}

}  // namespace instar::vhdx

namespace instar {

Status GrowVhdx(Arena& arena, File& file, uint64_t bytes) {
  return vhdx::Grow(arena, file, bytes);
}

}  // namespace instar
