#include "lib/format/parallels/extension.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/format/parallels/md5.h"

namespace instar::parallels {
namespace {

// Bitmaps are told apart from so many before them. qemu-img has no such bound.
constexpr uint64_t kMaxCompared = 1024;
// More bitmaps than that are there to cost time.
constexpr uint64_t kMaxBitmaps = 65535;

constexpr uint64_t kNameBytes = 36;  // of a bitmap: its id as a UUID

struct Feature {
  uint64_t magic = 0;
  uint64_t data_offset = 0;  // in the file
  uint64_t data_bytes = 0;
};

// Reads the features from front to back.
class FeatureWalk {
 public:
  FeatureWalk(BlockCache& cache, const Header& header)
      : cache_(&cache),
        start_(header.extension_sector * kSectorBytes),
        size_(header.cluster_size()),
        at_(ExtensionLayout::kSize) {}

  Result<Feature> Next();

 private:
  BlockCache* cache_;
  uint64_t start_;  // of the extension, in the file
  uint64_t size_;
  uint64_t at_;  // of the next feature, in the extension
};

Result<Feature> FeatureWalk::Next() {
  using L = FeatureLayout;
  const uint64_t left = size_ - Min(at_, size_);
  if (left < L::kSize) {
    return Error{.fault = Fault::kParallelsFeatureHeader,
                 .value = left,
                 .value2 = L::kSize};
  }
  uint8_t bytes[L::kSize];
  TRY(cache_->Copy(start_ + at_, MutableBytes(bytes, sizeof bytes)));
  const FixedView<L::kSize> raw(bytes);
  if (raw.Get<L::kFlags>() != 0) {
    return Error{.fault = Fault::kParallelsFeatureFlags};
  }
  const Feature feature = {.magic = raw.Get<L::kMagic>(),
                           .data_offset = start_ + at_ + L::kSize,
                           .data_bytes = raw.Get<L::kDataSize>()};
  if (feature.data_bytes > left - L::kSize) {
    return Error{.fault = Fault::kParallelsFeatureSize,
                 .value = feature.data_bytes};
  }
  at_ = TRY(CheckedAlignUp(at_ + L::kSize + feature.data_bytes, 8));
  return feature;
}

// Where the bytes of the extension are, and that its checksum is right.
Status CheckExtension(BlockCache& cache, const File& file,
                      const Header& header) {
  using L = ExtensionLayout;
  const uint64_t start = header.extension_sector * kSectorBytes;
  uint8_t head[L::kSize];
  TRY(cache.Copy(start, MutableBytes(head, sizeof head)));
  const ByteView head_view(head, sizeof head);
  const uint64_t magic = TRY(head_view.At<Le64>(L::kMagic.offset));
  if (magic != kExtensionMagic) {
    return Error{.fault = Fault::kParallelsExtensionMagic, .value = magic};
  }
  if (header.cluster_size() > kMaxHashedBytes) {
    return Error{.fault = Fault::kParallelsExtensionChecksum};
  }
  const uint64_t end = TRY(CheckedAdd(start, header.cluster_size()));
  uint8_t piece[512];
  Md5 md5;
  for (uint64_t at = start + L::kSize; at < end;) {
    const MutableBytes part =
        MutableBytes(piece, sizeof piece).Prefix(end - at);
    // What is behind the file's end is zeroes, and need not be asked for.
    if (at < file.size()) {
      TRY(cache.Copy(at, part));
    } else {
      part.Fill(0);
    }
    md5.Add(part.view());
    at += part.size();
  }
  const ByteView stored =
      TRY(head_view.Slice(L::kChecksumOffset, L::kChecksumBytes));
  const Md5::Digest digest = md5.Finish();
  if (!digest.view().Equals(stored)) {
    return Error{.fault = Fault::kParallelsExtensionChecksum};
  }
  return {};
}

struct Bitmap {
  uint8_t bytes[BitmapLayout::kSize];

  FixedView<BitmapLayout::kSize> raw() const {
    return FixedView<BitmapLayout::kSize>(bytes);
  }
  ByteView id() const {
    const ByteView all(bytes, sizeof bytes);
    return all.Slice(BitmapLayout::kIdOffset, BitmapLayout::kIdBytes).value();
  }
  uint64_t granularity() const {
    return raw().Get<BitmapLayout::kGranularity>() * kSectorBytes;
  }
};

Result<Bitmap> ReadBitmap(BlockCache& cache, const Feature& feature) {
  using L = BitmapLayout;
  if (feature.data_bytes < L::kSize) {
    return Error{.fault = Fault::kParallelsBitmapTooSmall,
                 .value = feature.data_bytes,
                 .value2 = L::kSize};
  }
  Bitmap bitmap = {};
  TRY(cache.Copy(feature.data_offset,
                 MutableBytes(bitmap.bytes, sizeof bitmap.bytes)));
  return bitmap;
}

// The bitmap's id as 8-4-4-4-12 hexadecimal digits.
void WriteName(const Bitmap& bitmap, MutableBytes name) {
  constexpr char kDigits[] = "0123456789abcdef";
  uint64_t at = 0;
  for (uint64_t i = 0; i < BitmapLayout::kIdBytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      INSTAR_CHECK(name.Put<U8>(at++, '-').ok());
    }
    const uint8_t byte = bitmap.id().At<U8>(i).value();
    for (const uint32_t digit : {byte / 16U, byte % 16U}) {
      INSTAR_CHECK(
          name.Put<U8>(at++, static_cast<uint8_t>(kDigits[digit])).ok());
    }
  }
}

Status CheckBitmap(const Bitmap& bitmap, const Feature& feature,
                   const Header& header) {
  using L = BitmapLayout;
  const uint64_t sectors = bitmap.raw().Get<L::kNumSectors>();
  if (sectors != header.num_sectors) {
    return Error{.fault = Fault::kParallelsBitmapSize,
                 .value = sectors,
                 .value2 = header.num_sectors};
  }
  const uint64_t entries = bitmap.raw().Get<L::kL1Entries>();
  if (entries * kBitmapL1EntryBytes > feature.data_bytes - L::kSize) {
    return Error{.fault = Fault::kParallelsBitmapL1};
  }
  constexpr uint64_t kMaxGranularity = std::numeric_limits<uint32_t>::max();
  if (!IsPowerOfTwo(bitmap.granularity()) ||
      bitmap.granularity() > kMaxGranularity) {
    return Error{.fault = Fault::kParallelsBitmapGranularity,
                 .value = bitmap.granularity()};
  }
  return {};
}

// That the L1 table has an entry for each cluster of the bitmap.
Status CheckL1Size(const Bitmap& bitmap, const Header& header) {
  const uint64_t entries = bitmap.raw().Get<BitmapLayout::kL1Entries>();
  // A cluster holds one bit for each granule: in sectors, less than 2^58.
  const uint64_t covered =
      header.cluster_size() * 8 * (bitmap.granularity() / kSectorBytes);
  const uint64_t expected = DivRoundUp(header.num_sectors, covered);
  if (entries != expected) {
    return Error{.fault = Fault::kParallelsBitmapL1Size,
                 .value = entries,
                 .value2 = expected};
  }
  return {};
}

// Whether one of the first `count` bitmaps has the same id.
Result<bool> IsKnown(BlockCache& cache, const Header& header,
                     const Bitmap& bitmap, uint64_t count) {
  FeatureWalk walk(cache, header);
  for (uint64_t i = 0; i < Min(count, kMaxCompared); ++i) {
    const Feature feature = TRY(walk.Next());
    const Bitmap earlier = TRY(ReadBitmap(cache, feature));
    if (earlier.id().Equals(bitmap.id())) {
      return true;
    }
  }
  return false;
}

Error Exists(const Bitmap& bitmap, Arena& arena) {
  const auto name = arena.Allocate(kNameBytes, 1);
  if (!name.ok()) {
    return name.error();
  }
  WriteName(bitmap, name.value());
  return {.fault = Fault::kParallelsBitmapExists,
          .text = name.value().data(),
          .text_bytes = kNameBytes};
}

Status Tell(const Bitmap& bitmap, FactsVisitor& visitor) {
  uint8_t name[kNameBytes];
  WriteName(bitmap, MutableBytes(name, sizeof name));
  return visitor.OnBitmap({.name = ByteView(name, sizeof name),
                           .granularity = bitmap.granularity()});
}

}  // namespace

Status WalkExtension(BlockCache& cache, const File& file, const Header& header,
                     Arena& arena, FactsVisitor* visitor) {
  if (header.extension_sector == 0) {
    return {};
  }
  TRY(CheckExtension(cache, file, header));
  FeatureWalk walk(cache, header);
  for (uint64_t count = 0; count <= kMaxBitmaps; ++count) {
    const Feature feature = TRY(walk.Next());
    if (feature.magic == kEndOfFeatures) {
      return {};
    }
    if (feature.magic != kDirtyBitmap) {
      return Error{.fault = Fault::kParallelsFeatureUnknown,
                   .value = feature.magic};
    }
    const Bitmap bitmap = TRY(ReadBitmap(cache, feature));
    TRY(CheckBitmap(bitmap, feature, header));
    const bool is_known = TRY(IsKnown(cache, header, bitmap, count));
    if (is_known) {
      return Exists(bitmap, arena);
    }
    TRY(CheckL1Size(bitmap, header));
    if (visitor != nullptr) {
      TRY(Tell(bitmap, *visitor));
    }
  }
  return Error{.fault = Fault::kNoMemory};
}

}  // namespace instar::parallels
