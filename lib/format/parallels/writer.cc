// Writing Parallels images: clusters follow each other in the order in which
// they are first written, and the BAT says where.
#include "lib/base/checked.h"
#include "lib/format/entry_cache.h"
#include "lib/format/parallels/header.h"
#include "lib/format/target.h"

namespace instar::parallels {
namespace {

constexpr uint8_t kName[] = {'p', 'a', 'r', 'a', 'l', 'l', 'e', 'l', 's'};

constexpr uint64_t kDefaultClusterBytes = 1 << 20;
// qemu-img refuses these and all above.
constexpr uint64_t kTooLargeClusterBytes = 0x7fffffff;
constexpr uint64_t kTooManyClusters = uint64_t{1} << 32;

// The geometry that qemu-img records; nobody looks at it.
constexpr uint64_t kHeads = 16;
constexpr uint64_t kSectorsOfTrack = 32;

constexpr uint64_t kBatPages = 64;

constexpr Error kInvalid = {.fault = Fault::kErrno, .error = 22};  // EINVAL

// ---- Creation ---------------------------------------------------------------

Status Validate(const CreateOptions& /*options*/) {
  return {};  // qemu-img has made the file when it looks at them
}

Status Create(Arena& arena, const TargetFiles& files,
              const CreateOptions& options) {
  using L = HeaderLayout;
  const uint64_t wanted = options.cluster.cluster_size == 0
                              ? kDefaultClusterBytes
                              : options.cluster.cluster_size;
  const uint64_t cluster = TRY(CheckedAlignUp(wanted, kSectorBytes));
  const uint64_t size = TRY(CheckedAlignUp(options.size, kSectorBytes));
  if (cluster >= kTooLargeClusterBytes) {
    return Error{.fault = Fault::kParallelsCreateClusterSize, .value = cluster};
  }
  if (size >= kTooManyClusters * cluster) {
    return Error{.fault = Fault::kParallelsCreateSize, .value = size};
  }
  const uint64_t entries = DivRoundUp(size, cluster);
  // qemu-img counts the table's bytes in 32 bits.
  const auto table_end =
      static_cast<uint32_t>(L::kSize + entries * kBatEntryBytes);
  const uint64_t data_offset = DivRoundUp(table_end, cluster) * cluster;
  const uint64_t sectors = size / kSectorBytes;
  const uint64_t cylinders = sectors / kHeads / kSectorsOfTrack;

  const MutableBytes head = TRY(arena.AllocateZeroed(kSectorBytes));
  TRY(head.PutBytes(0, ByteView::Of(kMagicExtended)));
  TRY(head.Put<Le32>(L::kVersion.offset, kVersion));
  TRY(head.Put<Le32>(L::kHeads.offset, kHeads));
  TRY(head.Put<Le32>(L::kCylinders.offset, static_cast<uint32_t>(cylinders)));
  TRY(head.Put<Le32>(L::kTracks.offset,
                     static_cast<uint32_t>(cluster / kSectorBytes)));
  TRY(head.Put<Le32>(L::kBatEntries.offset, static_cast<uint32_t>(entries)));
  TRY(head.Put<Le64>(L::kNumSectors.offset, sectors));
  TRY(head.Put<Le32>(L::kDataOffset.offset,
                     static_cast<uint32_t>(data_offset / kSectorBytes)));
  TRY(files.file->WriteAt(0, head.view()));
  return files.file->WriteZeroes(kSectorBytes, data_offset - kSectorBytes,
                                 false);
}

// ---- Writing ----------------------------------------------------------------

class ParallelsTarget final : public Target {
 public:
  ParallelsTarget(File& file, const Header& header)
      : Target(header.num_sectors * kSectorBytes, header.cluster_size(), true),
        file_(&file),
        header_(header),
        old_size_(file.size()) {}
  ParallelsTarget(const ParallelsTarget&) = delete;
  ParallelsTarget& operator=(const ParallelsTarget&) = delete;

  // Called once, before anything else.
  Status Open(Arena& arena);

  Result<WriteExtent> Allocate(uint64_t offset, uint64_t length) override;
  Status Finish() override;

 private:
  uint64_t EntryOffset(uint64_t index) const {
    return HeaderLayout::kSize + index * kBatEntryBytes;
  }
  uint64_t UnitBytes() const {
    return header_.has_old_magic ? kSectorBytes : cluster_size_;
  }
  Status FindDataEnd();
  Status SetInUse(uint32_t mark);
  // Where the cluster `index` is, of which [from, to) is about to be written.
  Result<uint64_t> Place(uint64_t index, uint64_t from, uint64_t to);

  File* file_;
  Header header_;
  EntryCache bat_;
  uint64_t old_size_;       // of the file
  uint64_t data_end_ = 0;   // bytes: where the next cluster goes
  bool is_marked_ = false;  // as in use, in the file
};

Status ParallelsTarget::SetInUse(uint32_t mark) {
  return bat_.Put<Le32>(HeaderLayout::kInUse.offset, mark);
}

// Behind the last cluster, whatever the file's length.
Status ParallelsTarget::FindDataEnd() {
  data_end_ = header_.data_offset == 0
                  ? TRY(CheckedAlignUp(header_.bat_end(), kSectorBytes))
                  : header_.data_offset * kSectorBytes;
  const uint64_t stored = header_.NumStoredEntries(*file_);
  for (uint64_t i = 0; i < stored; ++i) {
    const uint64_t entry = TRY(bat_.Get<Le32>(EntryOffset(i)));
    // Both factors are 32 bits wide.
    data_end_ =
        Max(data_end_, entry == 0 ? 0 : entry * UnitBytes() + cluster_size_);
  }
  data_end_ = DivRoundUp(data_end_, UnitBytes()) * UnitBytes();
  return {};
}

Status ParallelsTarget::Open(Arena& arena) {
  // Data may begin directly behind the BAT, in the page that it ends in.
  const uint64_t places = header_.data_offset * kSectorBytes | cluster_size_;
  const bool is_wide = !header_.has_old_magic && header_.data_offset != 0 &&
                       places % EntryCache::kMaxPageBytes == 0;
  TRY(bat_.Init(arena, *file_,
                is_wide ? EntryCache::kMaxPageBytes : kSectorBytes, kBatPages));
  return FindDataEnd();
}

Result<uint64_t> ParallelsTarget::Place(uint64_t index, uint64_t from,
                                        uint64_t to) {
  if (index >= header_.num_bat_entries) {
    return kInvalid;
  }
  const uint64_t entry = TRY(bat_.Get<Le32>(EntryOffset(index)));
  if (entry != 0) {
    return entry * UnitBytes();
  }
  // From here on the file holds what the BAT does not tell yet.
  if (!is_marked_) {
    TRY(SetInUse(kInUse));
    TRY(bat_.Flush());
    is_marked_ = true;
  }
  const uint64_t host = data_end_;
  const uint32_t value = TRY(Narrow<uint32_t>(host / UnitBytes()));
  TRY(bat_.Put<Le32>(EntryOffset(index), value));
  data_end_ += cluster_size_;
  // The rest of the cluster reads as zeroes.
  if (host >= old_size_ && to - from < cluster_size_) {
    TRY(file_->Reserve(host, cluster_size_));
  } else if (host < old_size_) {
    TRY(file_->WriteZeroes(host, from, false));
    TRY(file_->WriteZeroes(host + to, cluster_size_ - to, false));
  }
  return host;
}

Result<WriteExtent> ParallelsTarget::Allocate(uint64_t offset,
                                              uint64_t length) {
  WriteExtent extent = {.file = file_};
  while (extent.length < length) {
    const uint64_t at = offset + extent.length;
    const uint64_t from = at % cluster_size_;
    const uint64_t step = Min(length - extent.length, cluster_size_ - from);
    const uint64_t host =
        TRY(Place(at / cluster_size_, from, from + step)) + from;
    if (extent.length == 0) {
      extent.host_offset = host;
    } else if (host != extent.host_offset + extent.length) {
      break;
    }
    extent.length += step;
  }
  return extent;
}

// There is no mark for zeroes.
Status ParallelsTarget::Finish() {
  if (is_marked_) {
    TRY(SetInUse(0));
  }
  TRY(bat_.Flush());
  if (file_->size() == data_end_) {
    return {};
  }
  return file_->Truncate(data_end_, FilePreallocation::kSparse);
}

Result<Target*> Open(Arena& arena, const TargetFiles& files, Image* /*backing*/,
                     codec::MakeUnpacker /*make_unpacker*/) {
  BlockCache cache = TRY(BlockCache::Create(arena, *files.file, 1));
  const Header header = TRY(ReadHeader(cache));
  TRY(CheckSize(header));
  if (header.in_use) {
    return Error{.fault = Fault::kParallelsUnclean};
  }
  if (header.extension_sector != 0) {
    const ByteView what = ByteView::Of("writing an image with an extension");
    return Error{.fault = Fault::kUnsupported,
                 .text = what.data(),
                 .text_bytes = static_cast<uint32_t>(what.size())};
  }
  ParallelsTarget* target =
      TRY(arena.New<ParallelsTarget>(*files.file, header));
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

}  // namespace instar::parallels
