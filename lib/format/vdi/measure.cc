// How large a vdi image will be: a header, the map of blocks, the blocks.
#include "lib/format/measure.h"

#include "lib/base/checked.h"

namespace instar::vdi {
namespace {

constexpr uint8_t kName[] = {'v', 'd', 'i'};

// VDI 1.1 as qemu-img writes it: blocks of 1 MiB, four bytes of map for each,
// header and map in whole sectors.
constexpr uint64_t kHeaderBytes = 512;
constexpr uint64_t kBlockBytes = 1 << 20;
constexpr uint64_t kMapEntryBytes = 4;

Result<Measurement> Measure(const MeasureOptions& options, Image* source) {
  const uint64_t size = TRY(MeasuredSize(options, source));
  const uint64_t map = DivRoundUp(size, kBlockBytes) * kMapEntryBytes;
  return MeasureBlocks(
      options, source,
      {.block_bytes = kBlockBytes,
       .stored_bytes = kBlockBytes,
       .metadata_bytes = kHeaderBytes + TRY(CheckedAlignUp(map, 512))});
}

}  // namespace

extern const Measurer kMeasurer;
constinit const Measurer kMeasurer = {.name = ByteView{kName, sizeof kName},
                                      .check_clusters = nullptr,
                                      .check_options = nullptr,
                                      .measure = &Measure};

}  // namespace instar::vdi
