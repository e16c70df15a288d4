// A compressed loop image opened for reading: blocks of equal length, packed
// one behind the other, and a table of where they begin.
#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/block_cache.h"
#include "lib/format/cloop/layout.h"
#include "lib/format/image.h"

namespace instar::cloop {
namespace {

constexpr uint8_t kName[] = {'c', 'l', 'o', 'o', 'p'};
constexpr ByteView kNameView{kName, sizeof kName};

// A block may begin here at the latest, so that it ends where a file can.
constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max() / 2;

struct Header {
  uint64_t block_bytes = 0;
  uint64_t num_blocks = 0;
};

Result<Header> ReadHeader(BlockCache& cache) {
  using L = HeaderLayout;
  const ByteView head = TRY(cache.View(0, L::kSize));
  const auto raw = TRY(head.Fixed<L::kSize>(0));
  const Header header = {.block_bytes = raw.Get<L::kBlockBytes>(),
                         .num_blocks = raw.Get<L::kNumBlocks>()};
  if (header.block_bytes == 0) {
    return Error{.fault = Fault::kCloopBlockSizeZero};
  }
  if (header.block_bytes % kSectorBytes != 0) {
    return Error{.fault = Fault::kCloopBlockSizeOdd,
                 .value = header.block_bytes};
  }
  if (header.block_bytes > kMaxBlockBytes) {
    return Error{.fault = Fault::kCloopBlockSizeTooLarge,
                 .value = header.block_bytes,
                 .value2 = kMaxBlockBytes >> 20};
  }
  if (header.num_blocks > kMaxNumBlocks) {
    return Error{.fault = Fault::kCloopNumBlocks,
                 .value = header.num_blocks,
                 .value2 = kMaxNumBlocks};
  }
  if (header.num_blocks == kMaxNumBlocks) {
    return Error{.fault = Fault::kCloopOffsetsNone};
  }
  if ((header.num_blocks + 1) * kOffsetBytes > kMaxTableBytes) {
    return Error{.fault = Fault::kCloopOffsetsTooLarge};
  }
  return header;
}

class CloopImage final : public Image {
 public:
  explicit CloopImage(File& file) : Image(file, {}) {}
  CloopImage(const CloopImage&) = delete;
  CloopImage& operator=(const CloopImage&) = delete;

  // Called once, before anything else.
  Status Open(Arena& arena);

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool exact) override;

  Status Unpack(ByteView packed, MutableBytes out,
                codec::Unpacker& unpacker) const override {
    return unpacker.InflateZlib(packed, out, false);
  }

  Status List(FactsVisitor& /*visitor*/) override { return {}; }

 private:
  Status CheckOffsets();
  // Where block `index` begins in the file. The table is aligned to its
  // entries, so that none crosses blocks of the cache.
  Result<uint64_t> BlockOffset(uint64_t index) {
    return cache_.At<Be64>(HeaderLayout::kSize + index * kOffsetBytes);
  }

  BlockCache cache_;
  Header header_;
};

Status CloopImage::Open(Arena& arena) {
  cache_ = TRY(BlockCache::Create(arena, *file_, 1));
  header_ = TRY(ReadHeader(cache_));
  TRY(CheckOffsets());
  facts_.format = kNameView;
  facts_.virtual_size = header_.num_blocks * header_.block_bytes;
  facts_.max_cluster_bytes = header_.block_bytes;
  return {};
}

// Refuses a table that qemu would: every later use relies on its order.
Status CloopImage::CheckOffsets() {
  const uint64_t end = file_->size();
  uint64_t last = TRY(BlockOffset(0));
  if (header_.num_blocks * kOffsetBytes > BlockCache::kMaxBlockBytes) {
    cache_.SetBlockBytes(BlockCache::kMaxBlockBytes);
  }
  for (uint64_t i = 1; i <= header_.num_blocks; ++i) {
    const uint64_t offset = TRY(BlockOffset(i));
    if (offset < last) {
      return Error{.fault = Fault::kCloopOffsetsFall, .value = i};
    }
    if (offset - last > kMaxPackedBytes) {
      return Error{.fault = Fault::kCloopPackedSize, .value = i};
    }
    last = offset;
    // Behind the end of the file all offsets are 0.
    if (last == 0 && HeaderLayout::kSize + i * kOffsetBytes >= end) {
      break;
    }
  }
  return {};
}

Result<Extent> CloopImage::Locate(uint64_t offset, uint64_t length,
                                  bool exact) {
  if (offset >= virtual_size()) {
    return Extent{.flags = kExtentEof};
  }
  Extent extent = {.length = Min(length, virtual_size() - offset),
                   .flags = kExtentData | kExtentAllocated};
  if (!exact) {
    const uint64_t index = offset / header_.block_bytes;
    const uint64_t at = offset % header_.block_bytes;
    const uint64_t begin = TRY(BlockOffset(index));
    const uint64_t end = TRY(BlockOffset(index + 1));
    if (begin > kMaxOffset) {
      return Error{.fault = Fault::kErrno, .error = kEio};
    }
    const uint64_t stored_bytes = TRY(CheckedSub(end, begin));
    if (stored_bytes > kMaxPackedBytes) {  // the file has changed
      return Error{.fault = Fault::kCloopPackedSize, .value = index + 1};
    }
    extent.length = Min(extent.length, header_.block_bytes - at);
    extent.flags |= kExtentCompressed;
    extent.file = file_;
    extent.host_offset = begin;
    extent.stored_bytes = stored_bytes;
    extent.cluster_offset = at;
    extent.cluster_bytes = header_.block_bytes;
  }
  if (offset + extent.length == virtual_size()) {
    extent.flags |= kExtentEof;
  }
  return extent;
}

// A shell script that mounts itself; so little says it is one.
int ProbeCloop(ByteView head, ByteView /*filename*/) {
  constexpr int kGuess = 2;
  return head.StartsWith(ByteView::Of("#!/bin/sh\n#V2.0 Format\n")) ? kGuess
                                                                    : 0;
}

Result<Image*> OpenCloop(Arena& arena, File& file, Opener& /*opener*/,
                         const OpenOptions& /*options*/) {
  CloopImage* image = TRY(arena.New<CloopImage>(file));
  TRY(image->Open(arena));
  return static_cast<Image*>(image);
}

}  // namespace

extern const Reader kReader;
constinit const Reader kReader = {
    .name = kNameView, .probe = &ProbeCloop, .open = &OpenCloop};

}  // namespace instar::cloop
