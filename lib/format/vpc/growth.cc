#include "lib/format/vpc/growth.h"

#include "lib/base/checked.h"
#include "lib/format/resize.h"
#include "lib/format/vpc/block_table.h"
#include "lib/format/vpc/create.h"

namespace instar::vpc {
namespace {

using Footer = FooterLayout;
using Dynamic = DynamicLayout;

constexpr uint64_t kPieceBytes = 64 * 1024;

class Growth {
 public:
  Growth(Arena& arena, File& file, const Header& header)
      : arena_(&arena), file_(&file), header_(header) {}

  Status Run(uint64_t bytes);

 private:
  Status ReadFooter();
  Status MakeFooter(uint64_t bytes);
  Status GrowFixed();
  Status GrowDynamic();
  Status LengthenTable(uint64_t entries);
  Status MoveTable(uint64_t entries);
  Status FillTable(uint64_t from, uint64_t to);
  Status PutTable(uint64_t offset, uint64_t entries);

  Arena* arena_;
  File* file_;
  Header header_;
  MutableBytes buffer_;
  uint8_t old_bytes_[Footer::kSize] = {};
  uint8_t new_bytes_[Footer::kSize] = {};
  uint64_t disk_bytes_ = 0;  // as it becomes
};

Status Growth::Run(uint64_t bytes) {
  buffer_ = TRY(arena_->Allocate(kPieceBytes));
  TRY(ReadFooter());
  TRY(MakeFooter(bytes));
  if (disk_bytes_ > kMaxDiskSectors * kSectorBytes) {
    return Error{.fault = Fault::kResizeOwnSize, .value = bytes};
  }
  return header_.has_table ? GrowDynamic() : GrowFixed();
}

Status Growth::ReadFooter() {
  const uint64_t size =
      AlignDown(file_->size() + kSectorBytes - 1, kSectorBytes);
  return file_->ReadAt(header_.has_table ? 0 : size - Footer::kSize,
                       MutableBytes(old_bytes_, sizeof old_bytes_));
}

// With a geometry that holds all of the disk. Whoever looks at that alone must
// see the same size as he who looks at the number.
Status Growth::MakeFooter(uint64_t bytes) {
  const MutableBytes out(new_bytes_, sizeof new_bytes_);
  TRY(out.PutBytes(0, ByteView(old_bytes_, sizeof old_bytes_)));
  const uint32_t creator = TRY(out.view().At<Be32>(Footer::kCreator.offset));
  const uint64_t sectors = bytes / kSectorBytes;
  const Geometry geometry = GeometryFor(sectors);
  const bool rounds =
      creator == CreatorOf("qemu") || creator == CreatorOf("vpc ");
  disk_bytes_ = bytes;
  if (rounds && geometry.sectors() != kMaxGeometrySectors) {
    disk_bytes_ = geometry.sectors() * kSectorBytes;
  }
  TRY(out.Put<Be64>(Footer::kCurrentSize.offset, disk_bytes_));
  // qemu's own creator for exact sizes has the largest geometry always.
  if (creator != CreatorOf("qem2")) {
    TRY(out.Put<Be16>(Footer::kCylinders.offset,
                      static_cast<uint16_t>(geometry.cylinders)));
    TRY(out.Put<U8>(Footer::kHeads.offset,
                    static_cast<uint8_t>(geometry.heads)));
    TRY(out.Put<U8>(Footer::kSectorsPerTrack.offset,
                    static_cast<uint8_t>(geometry.sectors_per_track)));
  }
  return out.Put<Be32>(Footer::kChecksum.offset,
                       ChecksumOf(out.view(), Footer::kChecksum.offset));
}

// ---- Fixed disks ------------------------------------------------------------

// The old footer is written behind the new end before it is cleared where it
// was, so that the file ends with one at any time.
Status Growth::GrowFixed() {
  const ByteView old_footer(old_bytes_, sizeof old_bytes_);
  const ByteView new_footer(new_bytes_, sizeof new_bytes_);
  const uint64_t file_bytes = file_->size();
  const uint64_t old_place =
      AlignDown(file_bytes + kSectorBytes - 1, kSectorBytes) - Footer::kSize;
  const uint64_t new_place = Max(disk_bytes_, old_place);
  if (new_place != old_place) {
    TRY(file_->WriteAt(new_place, old_footer));
    TRY(file_->Flush());
    TRY(file_->WriteZeroes(old_place, Footer::kSize, false));
    TRY(file_->Flush());
  }
  TRY(file_->WriteAt(new_place, new_footer));
  return file_->Flush();
}

// ---- Dynamic disks ----------------------------------------------------------

Status Growth::GrowDynamic() {
  const uint64_t entries =
      Max(DivRoundUp(disk_bytes_, header_.block_bytes), header_.num_entries);
  if (entries > kMaxTableEntries) {
    return Error{.fault = Fault::kResizeOwnSize, .value = disk_bytes_};
  }
  if (entries != header_.num_entries) {
    TRY(LengthenTable(entries));
  }
  const ByteView footer(new_bytes_, sizeof new_bytes_);
  const uint64_t end =
      AlignDown(file_->size() + kSectorBytes - 1, kSectorBytes);
  TRY(file_->WriteAt(end - Footer::kSize, footer));
  TRY(file_->Flush());
  TRY(file_->WriteAt(0, footer));
  return file_->Flush();
}

// What follows the table in its last sector is nobody's.
Status Growth::LengthenTable(uint64_t entries) {
  const uint64_t start = header_.table_offset;
  const uint64_t end = start + header_.table_bytes();
  const uint64_t room = TRY(CheckedAlignUp(end, kSectorBytes));
  const uint64_t new_end = start + entries * kEntryBytes;
  if (new_end > room) {
    return MoveTable(entries);
  }
  TRY(FillTable(end, new_end));
  return PutTable(start, entries);
}

// Behind the footer, with a copy of it that ends the file.
Status Growth::MoveTable(uint64_t entries) {
  const uint64_t start = TRY(CheckedAlignUp(file_->size(), kSectorBytes));
  const uint64_t old_bytes = header_.table_bytes();
  for (uint64_t done = 0; done < old_bytes; done += buffer_.size()) {
    const MutableBytes piece = buffer_.Prefix(old_bytes - done);
    TRY(file_->ReadAt(header_.table_offset + done, piece));
    TRY(file_->WriteAt(start + done, piece.view()));
  }
  const uint64_t end =
      TRY(CheckedAlignUp(start + entries * kEntryBytes, kSectorBytes));
  TRY(FillTable(start + old_bytes, end));
  TRY(file_->WriteAt(end, ByteView(old_bytes_, sizeof old_bytes_)));
  return PutTable(start, entries);
}

// Entries of blocks that are nowhere.
Status Growth::FillTable(uint64_t from, uint64_t to) {
  buffer_.Fill(0xff);
  for (uint64_t at = from; at < to; at += buffer_.size()) {
    TRY(file_->WriteAt(at, buffer_.Prefix(to - at).view()));
  }
  return {};
}

// The fields lie in one sector.
Status Growth::PutTable(uint64_t offset, uint64_t entries) {
  TRY(file_->Flush());
  uint8_t bytes[Dynamic::kSize] = {};
  const MutableBytes out(bytes, sizeof bytes);
  TRY(file_->ReadAt(header_.dynamic_offset, out));
  TRY(out.Put<Be64>(Dynamic::kTableOffset.offset, offset));
  TRY(out.Put<Be32>(Dynamic::kMaxTableEntries.offset,
                    static_cast<uint32_t>(entries)));
  TRY(out.Put<Be32>(Dynamic::kChecksum.offset,
                    ChecksumOf(out.view(), Dynamic::kChecksum.offset)));
  TRY(file_->WriteAt(header_.dynamic_offset, out.Prefix(kSectorBytes).view()));
  return file_->Flush();
}

}  // namespace

Status Grow(Arena& arena, File& file, SizeRule rule, uint64_t bytes) {
  const Header header = TRY(ReadHeader(file, rule));
  if (header.has_table) {
    // A file that lacks some of its blocks is refused.
    BlockTable table = TRY(BlockTable::Create(arena, file, header));
    TRY(table.FindEnd(file));
  }
  return Growth(arena, file, header).Run(bytes);
}

}  // namespace instar::vpc

namespace instar {

Status GrowVpc(Arena& arena, File& file, bool size_prefers_geometry,
               uint64_t bytes) {
  return vpc::Grow(arena, file,
                   size_prefers_geometry ? vpc::SizeRule::kGeometryUnlessKnown
                                         : vpc::SizeRule::kRecordedUnlessOld,
                   bytes);
}

}  // namespace instar
