// How large a vhdx image will be, at most: header, log, table of blocks,
// metadata, blocks. A fixed one has room for all blocks, and qemu-img writes
// behind it whatever it writes.
#include "lib/format/measure.h"

#include "lib/base/checked.h"

namespace instar::vhdx {
namespace {

constexpr uint8_t kName[] = {'v', 'h', 'd', 'x'};

// The specification ([MS-VHDX]): regions in whole MiB; qemu-img's defaults.
constexpr uint64_t kMib = 1 << 20;
constexpr uint64_t kHeaderBytes = kMib;
constexpr uint64_t kMetadataBytes = 5 * kMib;  // with the room behind it
constexpr uint64_t kTableEntryBytes = 8;
constexpr uint64_t kMaxDiskBytes = uint64_t{64} << 40;
constexpr uint64_t kMinBlockBytes = kMib;
constexpr uint64_t kMaxBlockBytes = 256 * kMib;
// One entry for a bitmap follows those of as many blocks as it covers. With the
// largest blocks and the smallest sectors that is 16.
constexpr uint64_t kMinBlocksABitmap = 16;

uint64_t DefaultBlockBytes(uint64_t size) {
  constexpr uint64_t kGib = 1024 * kMib;
  if (size > 32 * 1024 * kGib) {
    return 64 * kMib;
  }
  if (size > 100 * kGib) {
    return 32 * kMib;
  }
  return size > kGib ? 16 * kMib : 8 * kMib;
}

// What qemu-img makes of the block size that was asked for.
Result<uint64_t> BlockBytes(uint64_t asked, uint64_t size) {
  if (asked == 0) {
    return DefaultBlockBytes(size);
  }
  const uint64_t rounded = TRY(CheckedAlignUp(asked, kMib));
  uint64_t block = kMinBlockBytes;
  while (block < rounded && block < kMaxBlockBytes) {
    block *= 2;
  }
  return block;
}

Result<Measurement> Measure(const MeasureOptions& options, Image* source) {
  const uint64_t size = TRY(MeasuredSize(options, source));
  const uint64_t log = Max(options.layout.log_size, kMib);
  if (size > kMaxDiskBytes || log > kMaxDiskBytes) {
    return Error{.fault = Fault::kSizeTooLarge, .value = size};
  }
  const uint64_t block = TRY(BlockBytes(options.layout.block_size, size));
  const uint64_t blocks = DivRoundUp(size, block);
  const uint64_t entries = blocks + DivRoundUp(blocks, kMinBlocksABitmap);
  // Of a disk of no bytes qemu-img makes a table of this length.
  const uint64_t table =
      size == 0 ? block * kTableEntryBytes
                : TRY(CheckedAlignUp(entries * kTableEntryBytes, kMib));
  const uint64_t metadata = kHeaderBytes + TRY(CheckedAlignUp(log, kMib)) +
                            Max(table, kMib) + kMetadataBytes;
  MeasureOptions growing = options;
  growing.layout.fixed = false;
  Measurement sizes = TRY(MeasureBlocks(growing, source,
                                        {.block_bytes = block,
                                         .stored_bytes = block,
                                         .metadata_bytes = metadata}));
  if (options.layout.fixed) {
    sizes.required += blocks * block;
    sizes.fully_allocated += blocks * block;
  }
  return sizes;
}

}  // namespace

extern const Measurer kMeasurer;
constinit const Measurer kMeasurer = {.name = ByteView{kName, sizeof kName},
                                      .check_clusters = nullptr,
                                      .check_options = nullptr,
                                      .measure = &Measure};

}  // namespace instar::vhdx
