#include "lib/format/measure.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/format/chain.h"

namespace instar {

#include "gen/measurers.inc"

namespace {

constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kMaxFileBytes = std::numeric_limits<int64_t>::max();

}  // namespace

const Measurer* FindMeasurer(ByteView format) {
  for (const Measurer* measurer : kMeasurers) {
    if (measurer != nullptr && measurer->name.Equals(format)) {
      return measurer;
    }
  }
  return nullptr;
}

Result<uint64_t> CountDataBytes(Image& source, uint64_t block_bytes) {
  const uint64_t size = source.virtual_size();
  uint64_t counted = 0;
  uint64_t at = 0;
  // Each round moves on by a run, a byte or more.
  while (at < size) {
    const Extent extent =
        TRY(LocateAbove(&source, nullptr, at, size - at, true, nullptr));
    if (extent.length == 0) {
      return Error{.fault = Fault::kInternal, .value = at};
    }
    constexpr uint32_t kStored = kExtentData | kExtentAllocated;
    uint64_t end = TRY(CheckedAdd(at, extent.length));
    if ((extent.flags & (kStored | kExtentZero)) == kStored) {
      end = TRY(CheckedAlignUp(end, block_bytes));
      counted = TRY(CheckedAdd(counted, end - AlignDown(at, block_bytes)));
    }
    at = end;
  }
  return counted;
}

Result<uint64_t> MeasuredSize(const MeasureOptions& options,
                              const Image* source) {
  return CheckedAlignUp(
      source != nullptr ? source->virtual_size() : options.create.size,
      kSectorBytes);
}

Result<Measurement> MeasureBlocks(const MeasureOptions& options, Image* source,
                                  const BlockSizes& sizes) {
  const uint64_t size = TRY(MeasuredSize(options, source));
  const uint64_t all_blocks = DivRoundUp(size, sizes.block_bytes);
  uint64_t blocks = 0;
  if (options.layout.fixed) {
    blocks = all_blocks;
  } else if (source != nullptr) {
    blocks =
        TRY(CountDataBytes(*source, sizes.block_bytes)) / sizes.block_bytes;
  }
  const auto all_bytes = CheckedMul(all_blocks, sizes.stored_bytes);
  if (!all_bytes.ok() ||
      all_bytes.value() > kMaxFileBytes - sizes.metadata_bytes) {
    return Error{.fault = Fault::kSizeTooLarge, .value = size};
  }
  return Measurement{
      .required = sizes.metadata_bytes + blocks * sizes.stored_bytes,
      .fully_allocated = sizes.metadata_bytes + all_bytes.value()};
}

}  // namespace instar
