// Writing qcow images of version 1: tables and clusters are taken from the end
// of the file, in the order in which they are needed.
#include "lib/base/checked.h"
#include "lib/format/entry_cache.h"
#include "lib/format/layer_copy.h"
#include "lib/format/qcow/header.h"
#include "lib/format/qcow/layout.h"
#include "lib/format/target.h"

namespace instar::qcow {
namespace {

constexpr uint8_t kName[] = {'q', 'c', 'o', 'w'};
constexpr uint64_t kSectorBytes = 512;

// What qemu-img makes: sectors for clusters above a backing file, so that
// nothing is ever copied from it.
constexpr uint8_t kClusterBits = 12;
constexpr uint8_t kL2Bits = 9;
constexpr uint8_t kClusterBitsAboveBacking = 9;
constexpr uint8_t kL2BitsAboveBacking = 12;

constexpr uint64_t kL1Pages = 16;
constexpr uint64_t kL2Pages = 256;

constexpr Error kInvalid = {.fault = Fault::kErrno, .error = 22};  // EINVAL

// ---- Creation ---------------------------------------------------------------

Status Validate(const CreateOptions& /*options*/) {
  return {};  // qemu-img has made the file when it looks at them
}

Status Create(Arena& arena, const TargetFiles& files,
              const CreateOptions& options) {
  using L = HeaderLayout;
  const uint64_t size = TRY(CheckedAlignUp(options.size, kSectorBytes));
  if (size == 0) {
    return Error{.fault = Fault::kQcowCreateEmpty};
  }
  const ByteView name = options.backing_file;
  const bool has_backing = !name.empty();
  const uint8_t cluster_bits =
      has_backing ? kClusterBitsAboveBacking : kClusterBits;
  const uint8_t l2_bits = has_backing ? kL2BitsAboveBacking : kL2Bits;
  const uint64_t l1_offset = TRY(CheckedAlignUp(L::kSize + name.size(), 8));
  // qemu-img counts the entries in 31 bits; more could not be opened.
  const auto l1_entries = static_cast<uint32_t>(
      DivRoundUp(size, uint64_t{1} << (cluster_bits + l2_bits)));
  if (l1_entries > kMaxL1Entries * 4) {
    return Error{.fault = Fault::kSizeTooLarge, .value = size};
  }
  const MutableBytes head = TRY(arena.AllocateZeroed(l1_offset));
  TRY(head.Put<Be32>(L::kMagic.offset, kMagic));
  TRY(head.Put<Be32>(L::kVersion.offset, kVersion));
  if (has_backing) {
    TRY(head.Put<Be64>(L::kBackingFileOffset.offset, L::kSize));
    TRY(head.Put<Be32>(L::kBackingFileSize.offset,
                       static_cast<uint32_t>(name.size())));
    TRY(head.PutBytes(L::kSize, name));
  }
  TRY(head.Put<Be64>(L::kVirtualSize.offset, size));
  TRY(head.Put<U8>(L::kClusterBits.offset, cluster_bits));
  TRY(head.Put<U8>(L::kL2Bits.offset, l2_bits));
  TRY(head.Put<Be64>(L::kL1TableOffset.offset, l1_offset));
  TRY(files.file->WriteAt(0, head.view()));
  const uint64_t table_bytes =
      TRY(CheckedAlignUp(l1_entries * kEntryBytes, kSectorBytes));
  return files.file->WriteZeroes(l1_offset, table_bytes, false);
}

// ---- Writing ----------------------------------------------------------------

class QcowTarget final : public Target {
 public:
  QcowTarget(LayerCopy copy, File& file, Image* backing, const Header& header)
      : Target(header.virtual_size(), header.cluster_size(), true),
        copy_(copy),
        file_(&file),
        backing_(backing),
        header_(header),
        old_size_(file.size()),
        end_(file.size()) {}
  QcowTarget(const QcowTarget&) = delete;
  QcowTarget& operator=(const QcowTarget&) = delete;

  // Called once, before anything else.
  Status Open(Arena& arena);

  Result<WriteExtent> Allocate(uint64_t offset, uint64_t length) override;
  Result<PackRules> Packing() const override { return PackRules{}; }
  Result<WriteExtent> AllocatePacked(uint64_t offset, uint64_t packed_bytes,
                                     MutableBytes prefix) override;
  Status Finish() override;

 private:
  uint64_t PageBytes() const {
    return Min(cluster_size_, EntryCache::kMaxPageBytes);
  }
  // `bytes` at the end of the file, from the start of a cluster on.
  Result<uint64_t> TakeEnd(uint64_t bytes);
  // The L2 entry of the cluster at guest offset `start`.
  Result<uint64_t> EntryOffset(uint64_t start);
  // Where the cluster at guest offset `start` is, of which [from, to) is about
  // to be written.
  Result<uint64_t> Place(uint64_t start, uint64_t from, uint64_t to);
  Status FillRest(uint64_t entry, uint64_t start, uint64_t host, uint64_t from,
                  uint64_t to);
  Status CopyPacked(uint64_t entry, uint64_t host, uint64_t from, uint64_t to);

  LayerCopy copy_;
  File* file_;
  Image* backing_;
  Header header_;
  EntryCache l1_;
  EntryCache l2_;
  uint64_t old_size_;  // of the file
  uint64_t end_;       // of the file, with all that was taken
};

Status QcowTarget::Open(Arena& arena) {
  // Tables share no page with data: whatever is taken begins at a whole
  // cluster, or behind a whole page.
  TRY(l1_.Init(arena, *file_, PageBytes(), kL1Pages));
  return l2_.Init(arena, *file_, PageBytes(), kL2Pages);
}

Result<uint64_t> QcowTarget::TakeEnd(uint64_t bytes) {
  const uint64_t start = TRY(CheckedAlignUp(end_, cluster_size_));
  end_ = TRY(CheckedAdd(start, bytes));
  return start;
}

Result<uint64_t> QcowTarget::EntryOffset(uint64_t start) {
  const uint64_t l1_entry =
      header_.l1_offset + (start >> header_.l2_coverage_bits()) * kEntryBytes;
  uint64_t table = TRY(l1_.Get<Be64>(l1_entry));
  if (table == 0) {
    table = TRY(
        TakeEnd(AlignDown(header_.l2_bytes() + PageBytes() - 1, PageBytes())));
    TRY(file_->Reserve(table, header_.l2_bytes()));
    TRY(l1_.Put<Be64>(l1_entry, table));
  }
  // Elsewhere a page of it might hold something else.
  if (table % PageBytes() != 0) {
    return kInvalid;
  }
  const uint64_t mask = (uint64_t{1} << header_.l2_bits) - 1;
  return CheckedAdd(table,
                    ((start >> header_.cluster_bits) & mask) * kEntryBytes);
}

// What a packed cluster holds, but for [from, to).
Status QcowTarget::CopyPacked(uint64_t entry, uint64_t host, uint64_t from,
                              uint64_t to) {
  const uint64_t offset_bits = 63 - header_.cluster_bits;
  LayerPiece piece = {
      .length = from,
      .zero = false,
      .file = file_,
      .host_offset = entry & ((uint64_t{1} << offset_bits) - 1),
      .stored_bytes = (entry >> offset_bits) & (cluster_size_ - 1),
      .cluster_bytes = cluster_size_};
  if (piece.stored_bytes == 0) {
    return Error{.fault = Fault::kCompressedData};
  }
  TRY(copy_.CopyData(piece, *file_, host));
  piece.cluster_offset = to;
  piece.length = cluster_size_ - to;
  return copy_.CopyData(piece, *file_, host + to);
}

Status QcowTarget::FillRest(uint64_t entry, uint64_t start, uint64_t host,
                            uint64_t from, uint64_t to) {
  if (from == 0 && to == cluster_size_) {
    return {};
  }
  TRY(file_->Reserve(host, cluster_size_));
  if (entry != 0) {
    return CopyPacked(entry, host, from, to);
  }
  TRY(copy_.CopyRange(backing_, start, from, *file_, host, true));
  return copy_.CopyRange(backing_, start + to, cluster_size_ - to, *file_,
                         host + to, true);
}

Result<uint64_t> QcowTarget::Place(uint64_t start, uint64_t from, uint64_t to) {
  const uint64_t at = TRY(EntryOffset(start));
  const uint64_t entry = TRY(l2_.Get<Be64>(at));
  if (entry != 0 && (entry & kEntryCompressed) == 0) {
    return entry;
  }
  const uint64_t host = TRY(TakeEnd(cluster_size_));
  TRY(FillRest(entry, start, host, from, to));
  TRY(l2_.Put<Be64>(at, host));
  return host;
}

Result<WriteExtent> QcowTarget::Allocate(uint64_t offset, uint64_t length) {
  WriteExtent extent = {.file = file_};
  while (extent.length < length) {
    const uint64_t at = offset + extent.length;
    const uint64_t from = at % cluster_size_;
    const uint64_t step = Min(length - extent.length, cluster_size_ - from);
    const uint64_t host = TRY(Place(at - from, from, from + step)) + from;
    if (extent.length == 0) {
      extent.host_offset = host;
    } else if (host != extent.host_offset + extent.length) {
      break;
    }
    extent.length += step;
  }
  return extent;
}

// As qemu-img has it, at the next sector; the length is in the entry. What the
// cluster was is lost.
Result<WriteExtent> QcowTarget::AllocatePacked(uint64_t offset,
                                               uint64_t packed_bytes,
                                               MutableBytes /*prefix*/) {
  INSTAR_CHECK(packed_bytes != 0 && packed_bytes < cluster_size_);
  const uint64_t at = TRY(EntryOffset(offset));
  // A table may be what the file ended with.
  const uint64_t unit = end_ == old_size_ ? cluster_size_ : kSectorBytes;
  const uint64_t host = TRY(CheckedAlignUp(end_, unit));
  const uint64_t offset_bits = 63 - header_.cluster_bits;
  if (host >> offset_bits != 0) {
    return kInvalid;
  }
  end_ = TRY(CheckedAdd(host, packed_bytes));
  TRY(l2_.Put<Be64>(at, kEntryCompressed | packed_bytes << offset_bits | host));
  return WriteExtent{
      .length = packed_bytes, .file = file_, .host_offset = host};
}

// There is no mark for zeroes.
Status QcowTarget::Finish() {
  TRY(l2_.Flush());
  TRY(l1_.Flush());
  if (file_->size() >= end_) {
    return {};
  }
  return file_->Truncate(end_, FilePreallocation::kSparse);
}

Result<Target*> Open(Arena& arena, const TargetFiles& files, Image* backing,
                     codec::MakeUnpacker make_unpacker) {
  BlockCache cache = TRY(BlockCache::Create(arena, *files.file, 1));
  const Header header = TRY(ReadHeader(cache, true));
  QcowTarget* target = TRY(arena.New<QcowTarget>(
      LayerCopy(arena, make_unpacker), *files.file, backing, header));
  TRY(target->Open(arena));
  return static_cast<Target*>(target);
}

}  // namespace

extern const Writer kWriter;
constinit const Writer kWriter = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = &MagicAtStart,
                                  .validate = &Validate,
                                  .create = &Create,
                                  .open = &Open};

// The same without the making of images.
extern const Writer kEditor;
constinit const Writer kEditor = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = nullptr,
                                  .validate = nullptr,
                                  .create = nullptr,
                                  .open = &Open};

}  // namespace instar::qcow
