// Writing VDI images: blocks are stored one behind the other, in the order in
// which they are written first.
#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/table_window.h"
#include "lib/format/target.h"
#include "lib/format/uuid.h"
#include "lib/format/vdi/header.h"

namespace instar::vdi {
namespace {

using L = HeaderLayout;

constexpr uint8_t kName[] = {'v', 'd', 'i'};

// ---- An empty image ---------------------------------------------------------

Result<uint64_t> DiskBytes(const CreateOptions& options) {
  const uint64_t bytes = TRY(CheckedAlignUp(options.size, kSectorBytes));
  if (bytes > kMaxDiskBytes) {
    return Error{.fault = Fault::kVdiSize, .value = bytes};
  }
  return bytes;
}

// The map of a new image, padded with zeroes to `length` bytes.
Status WriteMap(Arena& arena, File& file, uint64_t num_blocks, uint64_t length,
                bool is_static) {
  const uint64_t mark = arena.Mark();
  const MutableBytes buffer =
      TRY(arena.Allocate(Min(Max(length, 1), TableWindow::kBytes)));
  for (uint64_t done = 0; done < length; done += buffer.size()) {
    const MutableBytes piece = buffer.Prefix(length - done);
    const uint64_t first = done / kEntryBytes;
    for (uint64_t i = 0; i < piece.size() / kEntryBytes; ++i) {
      const uint64_t block = first + i;
      const uint64_t entry = is_static ? block : kUnallocated;
      TRY(piece.Put<Le32>(
          i * kEntryBytes,
          static_cast<uint32_t>(block < num_blocks ? entry : 0)));
    }
    TRY(file.WriteAt(L::kSize + done, piece.view()));
  }
  arena.Rewind(mark);
  return {};
}

Status Create(Arena& arena, const TargetFiles& files,
              const CreateOptions& options) {
  File& file = *files.file;
  const uint64_t disk_bytes = TRY(DiskBytes(options));
  const bool is_static = options.block.fixed;
  const auto num_blocks =
      static_cast<uint32_t>(DivRoundUp(disk_bytes, kBlockBytes));
  const uint64_t map_bytes =
      TRY(CheckedAlignUp(num_blocks * kEntryBytes, kSectorBytes));
  const uint64_t data_offset = L::kSize + map_bytes;
  uint8_t bytes[L::kSize] = {};
  const MutableBytes header(bytes, sizeof bytes);
  TRY(header.PutBytes(0, ByteView::OfString(kWrittenText)));
  TRY(header.Put<Le32>(L::kSignature.offset, kSignature));
  TRY(header.Put<Le16>(L::kMinorVersion.offset, kMinorVersion));
  TRY(header.Put<Le16>(L::kMajorVersion.offset, kMajorVersion));
  TRY(header.Put<Le32>(L::kHeaderBytes.offset, kWrittenHeaderBytes));
  TRY(header.Put<Le32>(L::kImageType.offset,
                       is_static ? kTypeStatic : kTypeDynamic));
  TRY(header.Put<Le32>(L::kMapOffset.offset, uint32_t{L::kSize}));
  TRY(header.Put<Le32>(L::kDataOffset.offset,
                       static_cast<uint32_t>(data_offset)));
  TRY(header.Put<Le32>(L::kSectorSize.offset, uint32_t{kSectorBytes}));
  TRY(header.Put<Le64>(L::kDiskSize.offset, disk_bytes));
  TRY(header.Put<Le32>(L::kBlockSize.offset, uint32_t{kBlockBytes}));
  TRY(header.Put<Le32>(L::kNumBlocks.offset, num_blocks));
  TRY(header.Put<Le32>(L::kNumAllocated.offset, is_static ? num_blocks : 0));
  constexpr UuidOrder kOrder = UuidOrder::kLittleEndian;
  TRY(PutUuid(header, L::kImageId, options.random, 0, kOrder));
  TRY(PutUuid(header, L::kStateId, options.random, kUuidBytes, kOrder));
  TRY(WriteMap(arena, file, num_blocks, map_bytes, is_static));
  TRY(file.WriteAt(0, header.view()));
  if (!is_static) {
    return {};
  }
  return file.Truncate(data_offset + num_blocks * kBlockBytes,
                       FilePreallocation::kSparse);
}

// ---- An open one ------------------------------------------------------------

class VdiTarget final : public Target {
 public:
  VdiTarget(File& file, const Header& header, const TableWindow& map)
      : Target(header.disk_bytes,
               header.image_type == kTypeStatic ? 0 : kBlockBytes, true),
        file_(&file),
        old_size_(file.size()),
        header_(header),
        map_(map),
        num_allocated_(header.num_allocated),
        stored_num_allocated_(header.num_allocated) {}
  VdiTarget(const VdiTarget&) = delete;
  VdiTarget& operator=(const VdiTarget&) = delete;

  // The map refers to nothing that is not durable.
  void WriteInOrder() { map_.WriteInOrder(); }

  Result<WriteExtent> Allocate(uint64_t offset, uint64_t length) override;
  Status Finish() override;

 private:
  uint64_t HostOffset(uint64_t entry) const {
    return header_.data_offset + entry * kBlockBytes;
  }
  Status Clear(uint64_t host_offset, uint64_t length);
  Status PutNumAllocated();

  File* file_;
  uint64_t old_size_;
  Header header_;
  TableWindow map_;
  uint64_t num_allocated_;
  uint64_t stored_num_allocated_;
};

Result<WriteExtent> VdiTarget::Allocate(uint64_t offset, uint64_t length) {
  const uint64_t place = offset / kBlockBytes * kEntryBytes;
  const uint64_t in_block = offset % kBlockBytes;
  const uint64_t wanted = Min(length, kBlockBytes - in_block);
  if (map_.Moves(place)) {
    TRY(PutNumAllocated());
  }
  uint64_t entry = TRY(map_.Load<Le32>(place));
  if (!IsAllocated(entry)) {
    entry = num_allocated_;
    if (!IsAllocated(entry)) {
      return Error{.fault = Fault::kErrno, .value = entry, .error = kEnospc};
    }
    TRY(map_.Store<Le32>(place, static_cast<uint32_t>(entry)));
    ++num_allocated_;
    TRY(Clear(HostOffset(entry), in_block));
    const uint64_t end = in_block + wanted;
    TRY(Clear(HostOffset(entry) + end, kBlockBytes - end));
  }
  return WriteExtent{.length = wanted,
                     .file = file_,
                     .host_offset = HostOffset(entry) + in_block};
}

// What a new block holds beside the write. qemu-img writes zeroes, so that the
// space is taken.
Status VdiTarget::Clear(uint64_t host_offset, uint64_t length) {
  const uint64_t used =
      host_offset < old_size_ ? Min(length, old_size_ - host_offset) : 0;
  if (used != 0) {
    TRY(file_->WriteZeroes(host_offset, used, false));
  }
  return file_->Reserve(host_offset + used, length - used);
}

// To be called before entries are written: a block that the map has and the
// header does not count would be given out again.
Status VdiTarget::PutNumAllocated() {
  if (num_allocated_ == stored_num_allocated_) {
    return {};
  }
  stored_num_allocated_ = num_allocated_;
  uint8_t count[Le32::kSize] = {};
  Le32::Encode(count, static_cast<uint32_t>(num_allocated_));
  return file_->WriteAt(L::kNumAllocated.offset, ByteView(count, sizeof count));
}

// The format has an entry for blocks of zeroes, which qemu-img does not write.
Status VdiTarget::Finish() {
  TRY(PutNumAllocated());
  return map_.Flush();
}

Result<Target*> Open(Arena& arena, const TargetFiles& files, Image* /*backing*/,
                     codec::MakeUnpacker /*make_unpacker*/) {
  File& file = *files.file;
  const Header header = TRY(ReadHeader(file));
  const TableWindow map = TRY(TableWindow::Create(
      arena, file, header.map_offset, header.num_blocks * kEntryBytes));
  VdiTarget* target = TRY(arena.New<VdiTarget>(file, header, map));
  if (files.has_old_data) {
    target->WriteInOrder();
  }
  return static_cast<Target*>(target);
}

Result<uint64_t> MagicOffset(const CreateOptions& /*options*/) {
  return uint64_t{HeaderLayout::kSignature.offset};
}

}  // namespace

extern const Writer kWriter;
constinit const Writer kWriter = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = &MagicOffset,
                                  .validate = nullptr,
                                  .create = &Create,
                                  .open = &Open};

// The same without the making of images.
extern const Writer kEditor;
constinit const Writer kEditor = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = nullptr,
                                  .validate = nullptr,
                                  .create = nullptr,
                                  .open = &Open};

}  // namespace instar::vdi
