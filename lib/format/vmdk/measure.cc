// How large a vmdk image will be, at most: for every 2 GiB a header, a
// description, and two copies of the grain tables; and the grains.
#include "lib/format/measure.h"

#include "lib/base/checked.h"

namespace instar::vmdk {
namespace {

constexpr uint8_t kName[] = {'v', 'm', 'd', 'k'};

// The specification ("Virtual Disk Format 5.0"), and qemu-img's choice of
// grains of 64 KiB and tables of 512 entries.
constexpr uint64_t kGrainBytes = 64 * 1024;
constexpr uint64_t kTableBytes = 512 * 4;  // maps 32 MiB
constexpr uint64_t kTableCoverage = 512 * kGrainBytes;
// A disk may be split into files of so much each.
constexpr uint64_t kSplitBytes = 0x7fff0000;
// Header and description, with what aligns the first grain.
constexpr uint64_t kFileBytes = 2 * kGrainBytes;
// A packed grain has a header, and may be longer than it was: deflate adds a
// few bytes to what does not pack. Whole sectors.
constexpr uint64_t kPackedExtraBytes = 1024;
// What ends a stream: markers, a footer.
constexpr uint64_t kStreamEndBytes = 4096;
constexpr uint64_t kMaxDiskBytes = uint64_t{1} << 60;

Result<Measurement> Measure(const MeasureOptions& options, Image* source) {
  const uint64_t size = TRY(MeasuredSize(options, source));
  if (size > kMaxDiskBytes) {
    return Error{.fault = Fault::kSizeTooLarge, .value = size};
  }
  const uint64_t files = Max(DivRoundUp(size, kSplitBytes), 1);
  // A table and its entry in the directory, twice; the last of each file may
  // be there for less.
  const uint64_t tables = DivRoundUp(size, kTableCoverage) + files;
  const uint64_t metadata = files * (kFileBytes + 2 * 512) +
                            tables * 2 * (kTableBytes + 4) + kStreamEndBytes;
  return MeasureBlocks(
      options, source,
      {.block_bytes = kGrainBytes,
       .stored_bytes =
           kGrainBytes + (options.layout.packed ? kPackedExtraBytes : 0),
       .metadata_bytes = metadata});
}

}  // namespace

extern const Measurer kMeasurer;
constinit const Measurer kMeasurer = {.name = ByteView{kName, sizeof kName},
                                      .check_clusters = nullptr,
                                      .check_options = nullptr,
                                      .measure = &Measure};

}  // namespace instar::vmdk
