// A QED image opened for reading.
#include "lib/base/checked.h"
#include "lib/format/image.h"
#include "lib/format/qed/header.h"
#include "lib/format/stored_text.h"

namespace instar::qed {
namespace {

constexpr uint8_t kName[] = {'q', 'e', 'd'};
constexpr ByteView kNameView{kName, sizeof kName};

// A block of the L1 table, one or two of an L2 table, one for jumps.
constexpr uint64_t kCachedBlocks = 4;

constexpr Error kInvalid = {.fault = Fault::kErrno, .error = 22};  // EINVAL

class QedImage final : public Image {
 public:
  explicit QedImage(File& file) : Image(file, {}) {}

  // Called once, before anything else.
  Status Open(Arena& arena, const OpenOptions& options);

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override;
  Status Unpack(ByteView /*packed*/, MutableBytes /*out*/,
                codec::Unpacker& /*unpacker*/) const override {
    return Error{.fault = Fault::kInternal};
  }
  Status List(FactsVisitor& /*visitor*/) override { return {}; }

 private:
  // The run in the L2 table at `table` that begins with entry `index`: its
  // first entry, and how many of at most `count` entries continue it.
  struct Run {
    uint64_t entry = kUnallocated;
    uint64_t clusters = 0;
  };
  Result<Run> FindRun(uint64_t table, uint64_t index, uint64_t count);

  BlockCache cache_;
  Header header_;
};

Status QedImage::Open(Arena& arena, const OpenOptions& options) {
  cache_ = TRY(
      BlockCache::Create(arena, *file_, options.info_only ? 1 : kCachedBlocks));
  header_ = TRY(ReadHeader(cache_, *file_));
  facts_.format = kNameView;
  facts_.virtual_size = header_.image_size;
  facts_.cluster_size = header_.cluster_size;
  // An image that needs a check opens for reading like any other, and qemu-img
  // calls it clean.
  if ((header_.features & kBackingFile) != 0) {
    facts_.backing_file =
        TRY(ReadStoredText(cache_, arena, header_.backing_file_offset,
                           header_.backing_file_bytes));
    facts_.has_backing_file = !facts_.backing_file.empty();
    if ((header_.features & kBackingFormatNoProbe) != 0) {
      facts_.backing_format = ByteView::Of("raw");
    }
  }
  cache_.SetBlockBytes(TableBlockBytes(header_));
  return {};
}

Result<QedImage::Run> QedImage::FindRun(uint64_t table, uint64_t index,
                                        uint64_t count) {
  Run run = {.entry = TRY(cache_.At<Le64>(table + index * kEntryBytes)),
             .clusters = 1};
  const bool is_offset = run.entry != kUnallocated && run.entry != kZeroCluster;
  for (; run.clusters < count; ++run.clusters) {
    const uint64_t at = table + (index + run.clusters) * kEntryBytes;
    const uint64_t next = TRY(cache_.At<Le64>(at));
    const uint64_t step = is_offset ? run.clusters * header_.cluster_size : 0;
    if (next != run.entry + step) {
      break;
    }
  }
  return run;
}

Result<Extent> QedImage::Locate(uint64_t offset, uint64_t length,
                                bool /*exact*/) {
  if (offset >= virtual_size()) {
    return Extent{.flags = kExtentEof};
  }
  const uint64_t cluster_size = header_.cluster_size;
  const uint64_t coverage = header_.table_entries() * cluster_size;
  // No run leaves its L2 table.
  const uint64_t wanted =
      Min(Min(length, virtual_size() - offset), coverage - offset % coverage);
  if (wanted == 0) {
    return Extent{};
  }
  Extent extent = {.length = wanted};
  const uint64_t table =
      TRY(cache_.At<Le64>(header_.l1_offset + offset / coverage * kEntryBytes));
  if (table != kUnallocated) {
    if (!header_.IsTableOffset(table)) {
      return kInvalid;
    }
    const uint64_t in_cluster = offset % cluster_size;
    const Run run = TRY(FindRun(table, offset % coverage / cluster_size,
                                DivRoundUp(in_cluster + wanted, cluster_size)));
    extent.length = Min(wanted, run.clusters * cluster_size - in_cluster);
    if (run.entry == kZeroCluster) {
      extent.flags = kExtentZero | kExtentAllocated;
    } else if (run.entry != kUnallocated) {
      if (!header_.IsClusterOffset(run.entry)) {
        return kInvalid;
      }
      extent.flags = kExtentData | kExtentAllocated | kExtentOffset;
      extent.file = file_;
      extent.host_offset = run.entry + in_cluster;
    }
  }
  if (offset + extent.length == virtual_size()) {
    extent.flags |= kExtentEof;
  }
  return extent;
}

int ProbeQed(ByteView head, ByteView /*filename*/) {
  const auto magic = head.At<Le32>(HeaderLayout::kMagic.offset);
  return magic.ok() && magic.value() == kMagic ? 100 : 0;
}

Result<Image*> OpenQed(Arena& arena, File& file, Opener& /*opener*/,
                       const OpenOptions& options) {
  QedImage* image = TRY(arena.New<QedImage>(file));
  TRY(image->Open(arena, options));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeQed, .open = &OpenQed};

}  // namespace instar::qed
