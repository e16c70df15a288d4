#include "lib/format/vdi/growth.h"

#include "lib/base/checked.h"
#include "lib/format/resize.h"
#include "lib/format/vdi/block_map.h"
#include "lib/format/vdi/header.h"

namespace instar::vdi {
namespace {

using L = HeaderLayout;

constexpr uint64_t kPieceBytes = 64 * 1024;

class Growth {
 public:
  Growth(Arena& arena, File& file, const Header& header, uint64_t bytes)
      : arena_(&arena),
        file_(&file),
        old_(header),
        new_(header),
        is_static_(header.image_type == kTypeStatic) {
    new_.disk_bytes = bytes;
    new_.num_blocks = DivRoundUp(bytes, kBlockBytes);
  }

  Status Run();

 private:
  uint64_t HostOffset(uint64_t entry) const {
    return old_.data_offset + entry * kBlockBytes;
  }
  bool HasRoom() const {
    return old_.map_offset < old_.data_offset &&
           new_.num_blocks * kEntryBytes <= old_.data_offset - old_.map_offset;
  }
  Status MoveMap();
  Status CopyFirstBlocks(uint64_t count, uint64_t& end);
  Status CopyBlock(uint64_t from, uint64_t to);
  Status RedirectFirstBlocks(uint64_t count, uint64_t end);
  Status PutNumAllocated(uint64_t count);
  Status WriteMap(uint64_t first_entry, uint64_t shift);
  Result<uint64_t> NewEntry(BlockMap& map, uint64_t index, uint64_t shift);
  Status PutHeader();

  Arena* arena_;
  File* file_;
  MutableBytes buffer_;
  Header old_;
  Header new_;
  bool is_static_;
};

Status Growth::Run() {
  buffer_ = TRY(arena_->Allocate(kPieceBytes));
  if (HasRoom()) {
    TRY(WriteMap(old_.num_blocks, 0));
  } else {
    TRY(MoveMap());
  }
  if (is_static_) {
    new_.num_allocated += new_.num_blocks - old_.num_blocks;
    const uint64_t end = new_.data_offset + new_.num_allocated * kBlockBytes;
    TRY(file_->Truncate(Max(end, file_->size()), FilePreallocation::kSparse));
  }
  TRY(file_->Flush());
  return PutHeader();
}

// ---- A map that moves -------------------------------------------------------

Status Growth::MoveMap() {
  const uint64_t map_bytes =
      TRY(CheckedAlignUp(new_.num_blocks * kEntryBytes, kSectorBytes));
  const uint64_t count = DivRoundUp(map_bytes, kBlockBytes);
  const uint64_t first = Max(old_.num_allocated, count);
  uint64_t end = first;
  TRY(CopyFirstBlocks(count, end));
  if (end != first) {
    TRY(file_->Flush());
    TRY(PutNumAllocated(end));
    TRY(file_->Flush());
    TRY(RedirectFirstBlocks(count, first));
    TRY(file_->Flush());
  }
  new_.map_offset = old_.data_offset;
  new_.data_offset = old_.data_offset + count * kBlockBytes;
  new_.num_allocated = end - count;
  return WriteMap(0, count);
}

// Copies the data area's first `count` blocks, as far as they are in use, to
// `end` and what follows it.
Status Growth::CopyFirstBlocks(uint64_t count, uint64_t& end) {
  BlockMap map = TRY(BlockMap::Create(*arena_, *file_, old_));
  for (uint64_t i = 0; i < old_.num_blocks; ++i) {
    const uint64_t entry = TRY(map.Entry(i));
    if (entry < count) {
      TRY(CopyBlock(entry, end));
      ++end;
    }
  }
  return {};
}

Status Growth::CopyBlock(uint64_t from, uint64_t to) {
  for (uint64_t done = 0; done < kBlockBytes; done += buffer_.size()) {
    TRY(file_->ReadAt(HostOffset(from) + done, buffer_));
    TRY(file_->WriteAt(HostOffset(to) + done, buffer_.view()));
  }
  return {};
}

// Lets the map lead to the copies, in the same order.
Status Growth::RedirectFirstBlocks(uint64_t count, uint64_t end) {
  BlockMap map = TRY(BlockMap::Create(*arena_, *file_, old_));
  for (uint64_t i = 0; i < old_.num_blocks; ++i) {
    const uint64_t entry = TRY(map.Entry(i));
    if (entry < count) {
      uint8_t bytes[Le32::kSize] = {};
      const uint32_t place = TRY(Narrow<uint32_t>(end));
      Le32::Encode(bytes, place);
      TRY(file_->WriteAt(old_.map_offset + i * kEntryBytes,
                         ByteView(bytes, sizeof bytes)));
      ++end;
    }
  }
  return {};
}

Status Growth::PutNumAllocated(uint64_t count) {
  uint8_t bytes[Le32::kSize] = {};
  const uint32_t narrow = TRY(Narrow<uint32_t>(count));
  Le32::Encode(bytes, narrow);
  return file_->WriteAt(L::kNumAllocated.offset, ByteView(bytes, sizeof bytes));
}

// ---- The new map and the header ---------------------------------------------

// Writes the new map from `first_entry` on. The data area's first `shift`
// blocks are no part of it any more.
Status Growth::WriteMap(uint64_t first_entry, uint64_t shift) {
  BlockMap map = TRY(BlockMap::Create(*arena_, *file_, old_));
  const uint64_t start = first_entry * kEntryBytes;
  const uint64_t end = new_.num_blocks * kEntryBytes;
  for (uint64_t at = start; at < end; at += buffer_.size()) {
    const MutableBytes piece = buffer_.Prefix(end - at);
    for (uint64_t i = 0; i < piece.size(); i += kEntryBytes) {
      const uint64_t entry = TRY(NewEntry(map, (at + i) / kEntryBytes, shift));
      const uint32_t narrow = TRY(Narrow<uint32_t>(entry));
      TRY(piece.Put<Le32>(i, narrow));
    }
    TRY(file_->WriteAt(new_.map_offset + at, piece.view()));
  }
  return {};
}

Result<uint64_t> Growth::NewEntry(BlockMap& map, uint64_t index,
                                  uint64_t shift) {
  if (index >= old_.num_blocks) {
    const uint64_t added = index - old_.num_blocks;
    return is_static_ ? new_.num_allocated + added : uint64_t{kUnallocated};
  }
  const uint64_t entry = TRY(map.Entry(index));
  return IsAllocated(entry) ? entry - Min(entry, shift) : entry;
}

Status Growth::PutHeader() {
  constexpr uint64_t kFrom = L::kMapOffset.offset;
  constexpr uint64_t kTo = L::kNumAllocated.offset + Le32::kSize;
  uint8_t bytes[kTo - kFrom] = {};
  const MutableBytes fields(bytes, sizeof bytes);
  TRY(file_->ReadAt(kFrom, fields));
  const uint32_t map_offset = TRY(Narrow<uint32_t>(new_.map_offset));
  const uint32_t data_offset = TRY(Narrow<uint32_t>(new_.data_offset));
  const uint32_t num_blocks = TRY(Narrow<uint32_t>(new_.num_blocks));
  const uint32_t num_allocated = TRY(Narrow<uint32_t>(new_.num_allocated));
  TRY(fields.Put<Le32>(0, map_offset));
  TRY(fields.Put<Le32>(L::kDataOffset.offset - kFrom, data_offset));
  TRY(fields.Put<Le64>(L::kDiskSize.offset - kFrom, new_.disk_bytes));
  TRY(fields.Put<Le32>(L::kNumBlocks.offset - kFrom, num_blocks));
  TRY(fields.Put<Le32>(L::kNumAllocated.offset - kFrom, num_allocated));
  TRY(file_->WriteAt(kFrom, fields.view()));
  return file_->Flush();
}

}  // namespace

Status Grow(Arena& arena, File& file, uint64_t bytes) {
  const Header header = TRY(ReadHeader(file));
  if (bytes > kMaxDiskBytes) {
    return Error{.fault = Fault::kResizeOwnSize, .value = bytes};
  }
  return Growth(arena, file, header, bytes).Run();
}

}  // namespace instar::vdi

namespace instar {

Status GrowVdi(Arena& arena, File& file, uint64_t bytes) {
  return vdi::Grow(arena, file, bytes);
}

}  // namespace instar
