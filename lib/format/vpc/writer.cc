// Writing VHD images: blocks are stored one behind the other, in the order in
// which they are written first, and the footer moves behind the last.
#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/table_window.h"
#include "lib/format/target.h"
#include "lib/format/vpc/block_table.h"
#include "lib/format/vpc/create.h"
#include "lib/format/vpc/header.h"

namespace instar::vpc {
namespace {

constexpr uint8_t kName[] = {'v', 'p', 'c'};

class VpcTarget final : public Target {
 public:
  VpcTarget(File& file, const Header& header)
      : Target(header.virtual_size, header.is_flat() ? 0 : header.block_bytes,
               true),
        file_(&file),
        old_size_(file.size()),
        header_(header) {}
  VpcTarget(const VpcTarget&) = delete;
  VpcTarget& operator=(const VpcTarget&) = delete;

  // Called once, before anything else. `in_order`: no entry of the table is
  // written before the block that it refers to is durable.
  Status Open(Arena& arena, bool in_order);

  Result<WriteExtent> Allocate(uint64_t offset, uint64_t length) override;
  Status Finish() override;

 private:
  Result<uint64_t> AddBlock(uint64_t index);
  Status MarkAllUsed(uint64_t block_offset);

  File* file_;
  uint64_t old_size_;
  Header header_;
  TableWindow table_;
  MutableBytes footer_;
  MutableBytes bitmap_;     // with all bits set
  uint64_t old_end_ = 0;    // where the blocks ended
  uint64_t next_ = 0;       // where the next block goes
  uint64_t last_used_ = 0;  // block whose bitmap was written last
};

Status VpcTarget::Open(Arena& arena, bool in_order) {
  if (header_.is_flat()) {
    return {};
  }
  BlockTable table = TRY(BlockTable::Create(arena, *file_, header_));
  next_ = TRY(table.FindEnd(*file_));
  old_end_ = next_;
  table_ = TRY(TableWindow::Create(arena, *file_, header_.table_offset,
                                   header_.table_bytes()));
  if (in_order) {
    table_.WriteInOrder();
  }
  footer_ = TRY(arena.Allocate(FooterLayout::kSize));
  TRY(file_->ReadAt(0, footer_));
  bitmap_ = TRY(arena.Allocate(header_.bitmap_bytes));
  bitmap_.Fill(0xff);
  return {};
}

Result<WriteExtent> VpcTarget::Allocate(uint64_t offset, uint64_t length) {
  if (header_.is_flat()) {
    return WriteExtent{.length = length, .file = file_, .host_offset = offset};
  }
  const uint64_t index = offset / header_.block_bytes;
  const uint64_t in_block = offset % header_.block_bytes;
  const uint64_t entry = TRY(table_.Load<Be32>(index * kEntryBytes));
  uint64_t block = entry * kSectorBytes;
  if (entry == kUnallocated) {
    block = TRY(AddBlock(index));
  } else if (block != last_used_) {
    TRY(MarkAllUsed(block));
  }
  return WriteExtent{.length = Min(length, header_.block_bytes - in_block),
                     .file = file_,
                     .host_offset = block + header_.bitmap_bytes + in_block};
}

Result<uint64_t> VpcTarget::AddBlock(uint64_t index) {
  const uint64_t block = next_;
  const uint64_t sector = block / kSectorBytes;
  if (sector >= kUnallocated) {
    return Error{.fault = Fault::kErrno, .value = block, .error = kEnospc};
  }
  next_ += header_.stored_block_bytes();
  // The old footer, and whatever follows it.
  if (block < old_size_) {
    TRY(file_->WriteZeroes(block, Min(old_size_, next_) - block, false));
  }
  TRY(MarkAllUsed(block));
  TRY(table_.Store<Be32>(index * kEntryBytes, static_cast<uint32_t>(sector)));
  return block;
}

// Sets the bits of all of a block's sectors when it is written, as qemu-img
// does: what was never written holds zeroes.
Status VpcTarget::MarkAllUsed(uint64_t block_offset) {
  last_used_ = block_offset;
  return bitmap_.empty() ? Status()
                         : file_->WriteAt(block_offset, bitmap_.view());
}

Status VpcTarget::Finish() {
  if (next_ == old_end_) {
    return {};
  }
  TRY(file_->WriteAt(next_, footer_.view()));
  return table_.Flush();
}

Result<Target*> Open(Arena& arena, const TargetFiles& files, Image* /*backing*/,
                     codec::MakeUnpacker /*make_unpacker*/) {
  File& file = *files.file;
  const Header header = TRY(ReadHeader(file, SizeRule::kRecordedUnlessOld));
  VpcTarget* target = TRY(arena.New<VpcTarget>(file, header));
  TRY(target->Open(arena, files.has_old_data));
  return static_cast<Target*>(target);
}

}  // namespace

extern const Writer kWriter;
constinit const Writer kWriter = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = &MagicOffset,
                                  .validate = nullptr,
                                  .create = &CreateImage,
                                  .open = &Open};

// The same without the making of images.
extern const Writer kEditor;
constinit const Writer kEditor = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = nullptr,
                                  .validate = nullptr,
                                  .create = nullptr,
                                  .open = &Open};

}  // namespace instar::vpc
