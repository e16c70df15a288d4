// A qcow2 image opened for reading.
#include <limits>

#include "lib/base/checked.h"
#include "lib/format/host_holes.h"
#include "lib/format/image.h"
#include "lib/format/luks/header.h"
#include "lib/format/qcow2/bitmaps.h"
#include "lib/format/qcow2/cluster_map.h"
#include "lib/format/qcow2/extensions.h"
#include "lib/format/qcow2/header.h"
#include "lib/format/qcow2/preallocation.h"
#include "lib/format/qcow2/snapshots.h"

namespace instar::qcow2 {
namespace {

constexpr uint8_t kName[] = {'q', 'c', 'o', 'w', '2'};
constexpr ByteView kNameView{kName, sizeof kName};

// Blocks of tables that are kept: one of the L1 table, one or two of L2 tables
// in a walk from front to back; the rest serves whoever jumps.
constexpr uint64_t kCachedBlocks = 4;

// qemu-img asks for no longer runs at a time.
constexpr uint64_t kMaxLocateBytes = std::numeric_limits<int32_t>::max();

class Qcow2Image final : public Image {
 public:
  Qcow2Image(Arena& arena, File& file) : Image(file, {}), arena_(&arena) {}
  Qcow2Image(const Qcow2Image&) = delete;
  Qcow2Image& operator=(const Qcow2Image&) = delete;

  // Called once, before anything else.
  Status Open(Opener& opener, const OpenOptions& options);

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override;
  Status Unpack(ByteView packed, MutableBytes out,
                codec::Unpacker& unpacker) const override;
  Status SelectSnapshot(const SnapshotChoice& choice) override;
  Status List(FactsVisitor& visitor) override;

 private:
  Status UseSnapshot(const SnapshotChoice& choice);
  Status OpenDataFile(Opener& opener, const OpenOptions& options);
  Status CheckEncryption(const OpenOptions& options);
  Status ReadBackingName();
  void SetFacts();
  void LookInHostFile(Extent& extent);

  Arena* arena_;
  BlockCache cache_;
  Header header_;
  Extensions extensions_;
  ClusterMap map_;
  Qcow2Facts qcow2_facts_;
  LuksFacts luks_facts_;
  File* data_ = nullptr;  // where data clusters are; null: not opened
  bool checked_preallocation_ = false;
  bool preallocated_ = false;
};

Status Qcow2Image::Open(Opener& opener, const OpenOptions& options) {
  cache_ = TRY(BlockCache::Create(*arena_, *file_,
                                  options.info_only ? 1 : kCachedBlocks));
  header_ = TRY(ReadHeader(cache_, *arena_, options.for_check));
  TRY(ReadExtensions(cache_, header_, *arena_, extensions_));
  TRY(OpenDataFile(opener, options));
  TRY(CheckEncryption(options));
  TRY(ReadBackingName());
  cache_.SetBlockBytes(
      Max(BlockCache::kMinBlockBytes,
          Min(header_.cluster_size(), BlockCache::kMaxBlockBytes)));
  if (!options.for_check) {
    TRY(WalkSnapshots(cache_, header_, nullptr));
  }
  TRY(CheckBitmaps(cache_, header_, extensions_, *arena_));
  constexpr uint64_t kMaxSize = std::numeric_limits<int64_t>::max();
  if (header_.virtual_size() > kMaxSize) {
    return Error{.fault = Fault::kQcow2Size, .value = header_.size};
  }
  map_ = ClusterMap(cache_, header_);
  SetFacts();
  if (extensions_.stale_bitmaps) {
    opener.Warn(header_.version < 3 ? Fault::kQcow2StaleBitmapsV2
                                    : Fault::kQcow2StaleBitmaps);
  }
  return {};
}

Status Qcow2Image::OpenDataFile(Opener& opener, const OpenOptions& options) {
  if (!header_.has_data_file()) {
    data_ = file_;
    return {};
  }
  if (!options.open_data_file) {
    return {};
  }
  if (!extensions_.has_data_file_name) {
    return Error{.fault = Fault::kQcow2DataFileMissing};
  }
  data_ = TRY(opener.Open(*file_, ReferenceRole::kDataFile,
                          extensions_.data_file_name, ByteView()));
  facts_.data_file = data_;
  return {};
}

// No data can be read without a key; the LUKS header is there to be shown.
Status Qcow2Image::CheckEncryption(const OpenOptions& options) {
  if (header_.crypt_method == kCryptNone) {
    return {};
  }
  if (options.info_only) {
    if (extensions_.has_crypto) {
      luks_facts_ =
          TRY(luks::ReadHeader(cache_, *arena_, extensions_.crypto_offset,
                               extensions_.crypto_bytes));
    }
    return {};
  }
  if (header_.crypt_method == kCryptLuks && !extensions_.has_crypto) {
    return Error{.fault = Fault::kQcow2CryptoMissing,
                 .value = header_.crypt_method};
  }
  return Error{.fault = Fault::kQcow2KeyRequired,
               .value = header_.crypt_method};
}

Status Qcow2Image::ReadBackingName() {
  if (header_.backing_file_offset == 0) {
    return {};
  }
  const uint64_t length = header_.backing_file_bytes;
  if (length > Min(kMaxBackingNameBytes,
                   header_.cluster_size() - header_.backing_file_offset)) {
    return Error{.fault = Fault::kQcow2BackingNameTooLong, .value = length};
  }
  facts_.backing_file =
      TRY(ReadText(cache_, *arena_, header_.backing_file_offset, length));
  facts_.has_backing_file = !facts_.backing_file.empty();
  return {};
}

void Qcow2Image::SetFacts() {
  const bool is_zstd = header_.compression_type != 0;
  qcow2_facts_ = {
      .version = header_.version,
      .compression = is_zstd ? Compression::kZstd : Compression::kZlib,
      .lazy_refcounts = (header_.compatible & kCompatibleLazyRefcounts) != 0,
      .refcount_bits = uint32_t{1} << header_.refcount_order,
      .has_data_file = header_.has_data_file(),
      .data_file = extensions_.data_file_name,
      .data_file_raw = header_.has_data_file() &&
                       (header_.autoclear & kAutoclearRawDataFile) != 0,
      .corrupt = (header_.incompatible & kIncompatibleCorrupt) != 0,
      .extended_l2 = header_.has_extended_l2(),
      .crypt_method = header_.crypt_method,
      .luks = extensions_.has_crypto ? &luks_facts_ : nullptr,
      .has_bitmaps = extensions_.num_bitmaps != 0,
      .stale_bitmaps = extensions_.stale_bitmaps,
  };
  facts_.format = kNameView;
  facts_.virtual_size = header_.virtual_size();
  facts_.cluster_size = header_.cluster_size();
  facts_.encrypted = header_.crypt_method != kCryptNone;
  facts_.dirty = (header_.incompatible & kIncompatibleDirty) != 0;
  facts_.backing_format = extensions_.backing_format;
  facts_.qcow2 = &qcow2_facts_;
}

uint32_t FlagsOf(ClusterKind kind) {
  switch (kind) {
    case ClusterKind::kUnallocated:
    case ClusterKind::kInvalid:
      return 0;
    case ClusterKind::kUnallocatedWithOffset:
      return kExtentOffset;
    case ClusterKind::kZero:
      return kExtentZero | kExtentAllocated;
    case ClusterKind::kZeroWithOffset:
      return kExtentZero | kExtentAllocated | kExtentOffset;
    case ClusterKind::kData:
      return kExtentData | kExtentAllocated | kExtentOffset;
    case ClusterKind::kCompressed:
      return kExtentData | kExtentAllocated | kExtentCompressed;
  }
  return 0;
}

Result<Extent> Qcow2Image::Locate(uint64_t offset, uint64_t length,
                                  bool exact) {
  if (offset >= virtual_size()) {
    return Extent{.flags = kExtentEof};
  }
  const uint64_t wanted =
      Min(Min(length, virtual_size() - offset), kMaxLocateBytes);
  if (wanted == 0) {
    return Extent{};
  }
  const Mapping mapping = TRY(map_.Find(offset, wanted));
  Extent extent = {.length = mapping.length, .flags = FlagsOf(mapping.kind)};
  if (facts_.encrypted) {
    extent.flags &= ~uint32_t{kExtentOffset};
  }
  if (mapping.kind == ClusterKind::kCompressed) {
    extent.file = file_;
    extent.host_offset = mapping.host_offset;
    extent.stored_bytes = mapping.stored_bytes;
    extent.cluster_offset = offset % header_.cluster_size();
    extent.cluster_bytes = header_.cluster_size();
  } else if ((extent.flags & kExtentOffset) != 0) {
    extent.file = data_;
    extent.host_offset = mapping.host_offset;
  }
  constexpr uint32_t kStored = kExtentData | kExtentOffset;
  if (exact && (extent.flags & kStored) == kStored && data_ != nullptr) {
    LookInHostFile(extent);
  }
  if (offset + extent.length == virtual_size()) {
    extent.flags |= kExtentEof;
  }
  return extent;
}

// Turns what is a hole in the file into zeroes, in images whose clusters were
// allocated ahead of time.
void Qcow2Image::LookInHostFile(Extent& extent) {
  if (!checked_preallocation_) {
    preallocated_ = LooksPreallocated(cache_, header_, *file_);
    checked_preallocation_ = true;
  }
  if (preallocated_) {
    MarkHostHoles(extent);
  }
}

Status Qcow2Image::Unpack(ByteView packed, MutableBytes out,
                          codec::Unpacker& unpacker) const {
  return qcow2_facts_.compression == Compression::kZstd
             ? unpacker.Zstd(packed, out)
             : unpacker.Inflate(packed, out);
}

Status Qcow2Image::UseSnapshot(const SnapshotChoice& choice) {
  const SnapshotL1 table = TRY(FindSnapshot(cache_, header_, choice));
  header_.l1_offset = table.offset;
  header_.num_l1_entries = table.num_entries;
  map_ = ClusterMap(cache_, header_);
  return {};
}

Status Qcow2Image::SelectSnapshot(const SnapshotChoice& choice) {
  if (!choice.either) {
    return UseSnapshot(choice);
  }
  const Status by_id = UseSnapshot({.has_id = true, .id = choice.id});
  // qemu-img takes a table at a wrong place for a snapshot that is not there.
  if (!by_id.ok() && (by_id.error().fault == Fault::kSnapshotMissing ||
                      by_id.error().fault == Fault::kQcow2SnapshotL1Offset)) {
    return UseSnapshot({.has_name = true, .name = choice.id});
  }
  return by_id;
}

Status Qcow2Image::List(FactsVisitor& visitor) {
  // An image with an external data file has no usable snapshots: qemu-img
  // lists none.
  if (!header_.has_data_file()) {
    TRY(WalkSnapshots(cache_, header_, &visitor));
  }
  return ListBitmaps(cache_, header_, extensions_, *arena_, visitor);
}

int ProbeQcow2(ByteView head, ByteView /*filename*/) {
  const auto magic = head.At<Be32>(HeaderLayout::kMagic.offset);
  const auto version = head.At<Be32>(HeaderLayout::kVersion.offset);
  return magic.ok() && version.ok() && magic.value() == kMagic &&
                 version.value() >= 2
             ? 100
             : 0;
}

Result<Image*> OpenQcow2(Arena& arena, File& file, Opener& opener,
                         const OpenOptions& options) {
  Qcow2Image* image = TRY(arena.New<Qcow2Image>(arena, file));
  TRY(image->Open(opener, options));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeQcow2, .open = &OpenQcow2};

}  // namespace instar::qcow2
