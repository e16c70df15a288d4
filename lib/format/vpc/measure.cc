// How large a vpc image will be, at most: footer, header, the table of blocks,
// and blocks, each behind its bitmap; or the disk and a footer.
#include "lib/format/measure.h"

#include "lib/base/checked.h"

namespace instar::vpc {
namespace {

constexpr uint8_t kName[] = {'v', 'p', 'c'};

// The specification ("Virtual Hard Disk Image Format"), and qemu-img's choice
// of blocks of 2 MiB.
constexpr uint64_t kFooterBytes = 512;
constexpr uint64_t kHeaderBytes = 1024;
constexpr uint64_t kBlockBytes = 2 << 20;
constexpr uint64_t kBitmapBytes = 512;
constexpr uint64_t kTableEntryBytes = 4;
// The disk grows up to the next whole cylinder.
constexpr uint64_t kMaxCylinderBytes = uint64_t{16} * 255 * 512;
constexpr uint64_t kMaxDiskBytes = uint64_t{2040} << 30;

Result<Measurement> Measure(const MeasureOptions& options, Image* source) {
  const uint64_t size = TRY(MeasuredSize(options, source));
  if (size > kMaxDiskBytes) {
    return Error{.fault = Fault::kSizeTooLarge, .value = size};
  }
  if (options.layout.fixed) {
    const uint64_t all = size + kMaxCylinderBytes + kFooterBytes;
    return Measurement{.required = all, .fully_allocated = all};
  }
  const uint64_t blocks = DivRoundUp(size + kMaxCylinderBytes, kBlockBytes);
  const uint64_t table = TRY(CheckedAlignUp(blocks * kTableEntryBytes, 512));
  return MeasureBlocks(
      options, source,
      {.block_bytes = kBlockBytes,
       .stored_bytes = kBitmapBytes + kBlockBytes,
       .metadata_bytes = 2 * kFooterBytes + kHeaderBytes + table});
}

}  // namespace

extern const Measurer kMeasurer;
constinit const Measurer kMeasurer = {.name = ByteView{kName, sizeof kName},
                                      .check_clusters = nullptr,
                                      .check_options = nullptr,
                                      .measure = &Measure};

}  // namespace instar::vpc
