// A qcow image of version 1, opened for reading.
#include <limits>

#include "lib/base/checked.h"
#include "lib/format/image.h"
#include "lib/format/qcow/header.h"
#include "lib/format/qcow/layout.h"
#include "lib/format/stored_text.h"

namespace instar::qcow {
namespace {

constexpr uint8_t kName[] = {'q', 'c', 'o', 'w'};
constexpr ByteView kNameView{kName, sizeof kName};

// A block of the L1 table, and some of L2 tables, which begin anywhere.
constexpr uint64_t kCachedBlocks = 4;

constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();
constexpr Error kIoError = {.fault = Fault::kErrno, .error = 5};  // EIO

class QcowImage final : public Image {
 public:
  explicit QcowImage(File& file) : Image(file, {}) {}

  // Called once, before anything else.
  Status Open(Arena& arena, const OpenOptions& options);

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override;
  Status Unpack(ByteView packed, MutableBytes out,
                codec::Unpacker& unpacker) const override {
    return unpacker.Inflate(packed, out);
  }
  Status List(FactsVisitor& /*visitor*/) override { return {}; }

 private:
  // Where an L2 table is and which of its entries a guest offset has.
  struct Place {
    uint64_t table = 0;  // 0: none, and all that it would map is unallocated
    uint64_t index = 0;
  };

  Result<uint64_t> Entry(uint64_t table, uint64_t index);
  Result<Place> Find(uint64_t offset);
  // How many bytes from `offset` on are like the cluster there, whose entry is
  // `entry`.
  Result<uint64_t> CountLike(const Place& place, uint64_t entry,
                             uint64_t wanted, uint64_t in_cluster);
  Result<Extent> Compressed(uint64_t entry, uint64_t in_cluster) const;

  BlockCache cache_;
  Header header_;
};

Status QcowImage::Open(Arena& arena, const OpenOptions& options) {
  cache_ = TRY(
      BlockCache::Create(arena, *file_, options.info_only ? 1 : kCachedBlocks));
  header_ = TRY(ReadHeader(cache_, !options.info_only));
  facts_.format = kNameView;
  facts_.virtual_size = header_.virtual_size();
  facts_.cluster_size = header_.cluster_size();
  facts_.encrypted = header_.crypt_method != kCryptNone;
  if (header_.backing_file_offset != 0) {
    facts_.backing_file =
        TRY(ReadStoredText(cache_, arena, header_.backing_file_offset,
                           header_.backing_file_bytes));
    facts_.has_backing_file = !facts_.backing_file.empty();
  }
  return {};
}

// Tables need not be aligned to anything.
Result<uint64_t> QcowImage::Entry(uint64_t table, uint64_t index) {
  uint8_t bytes[kEntryBytes];
  TRY(cache_.Copy(table + index * kEntryBytes,
                  MutableBytes(bytes, sizeof bytes)));
  return ByteView(bytes, sizeof bytes).At<Be64>(0);
}

Result<QcowImage::Place> QcowImage::Find(uint64_t offset) {
  const uint64_t l1_index = offset >> header_.l2_coverage_bits();
  const uint64_t table = TRY(Entry(header_.l1_offset, l1_index));
  if (table > kMaxOffset - header_.l2_bytes()) {
    return kIoError;
  }
  const uint64_t mask = (uint64_t{1} << header_.l2_bits) - 1;
  return Place{.table = table,
               .index = (offset >> header_.cluster_bits) & mask};
}

Result<uint64_t> QcowImage::CountLike(const Place& place, uint64_t entry,
                                      uint64_t wanted, uint64_t in_cluster) {
  const uint64_t num_entries = uint64_t{1} << header_.l2_bits;
  const uint64_t cluster_size = header_.cluster_size();
  const uint64_t end = Min(
      num_entries, place.index + DivRoundUp(in_cluster + wanted, cluster_size));
  uint64_t index = place.index + 1;
  if (place.table == 0) {
    index = end;
  }
  for (; index < end; ++index) {
    const uint64_t step = entry == 0 ? 0 : (index - place.index) * cluster_size;
    const uint64_t next = TRY(Entry(place.table, index));
    if (next != entry + step || (next & kEntryCompressed) != 0) {
      break;
    }
  }
  return Min(wanted, (index - place.index) * cluster_size - in_cluster);
}

Result<Extent> QcowImage::Compressed(uint64_t entry,
                                     uint64_t in_cluster) const {
  const uint64_t offset_bits = 63 - header_.cluster_bits;
  const uint64_t stored = (entry >> offset_bits) & (header_.cluster_size() - 1);
  if (stored == 0) {
    return Error{.fault = Fault::kCompressedData};
  }
  return Extent{.flags = kExtentData | kExtentAllocated | kExtentCompressed,
                .file = file_,
                .host_offset = entry & ((uint64_t{1} << offset_bits) - 1),
                .stored_bytes = stored,
                .cluster_offset = in_cluster,
                .cluster_bytes = header_.cluster_size()};
}

Result<Extent> QcowImage::Locate(uint64_t offset, uint64_t length, bool exact) {
  if (offset >= virtual_size()) {
    return Extent{.flags = kExtentEof};
  }
  const uint64_t wanted = Min(length, virtual_size() - offset);
  if (wanted == 0) {
    return Extent{};
  }
  const uint64_t in_cluster = offset % header_.cluster_size();
  const Place place = TRY(Find(offset));
  const uint64_t entry =
      place.table == 0 ? 0 : TRY(Entry(place.table, place.index));
  Extent extent;
  if ((entry & kEntryCompressed) != 0) {
    extent.flags = kExtentData | kExtentAllocated | kExtentCompressed;
    if (!exact) {
      extent = TRY(Compressed(entry, in_cluster));
    }
  } else if (entry != 0) {
    extent.flags = kExtentData | kExtentAllocated;
    if (!facts_.encrypted) {
      extent.flags |= kExtentOffset;
      extent.file = file_;
      extent.host_offset = entry + in_cluster;
    }
  }
  // qemu-img's block status knows one cluster at a time. Where nothing below
  // can be seen through a hole, longer holes are the same to it.
  const bool single = (entry & kEntryCompressed) != 0 ||
                      (exact && (entry != 0 || facts_.has_backing_file));
  extent.length = Min(wanted, header_.cluster_size() - in_cluster);
  if (!single) {
    extent.length = TRY(CountLike(place, entry, wanted, in_cluster));
  }
  if (!exact && extent.host_offset > kMaxOffset - extent.length) {
    return kIoError;
  }
  if (offset + extent.length == virtual_size()) {
    extent.flags |= kExtentEof;
  }
  return extent;
}

int ProbeQcow(ByteView head, ByteView /*filename*/) {
  const auto magic = head.At<Be32>(HeaderLayout::kMagic.offset);
  const auto version = head.At<Be32>(HeaderLayout::kVersion.offset);
  return magic.ok() && version.ok() && magic.value() == kMagic &&
                 version.value() == kVersion
             ? 100
             : 0;
}

Result<Image*> OpenQcow(Arena& arena, File& file, Opener& /*opener*/,
                        const OpenOptions& options) {
  QcowImage* image = TRY(arena.New<QcowImage>(file));
  TRY(image->Open(arena, options));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeQcow, .open = &OpenQcow};

}  // namespace instar::qcow
