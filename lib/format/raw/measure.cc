// How large a raw image will be: as large as the disk.
#include "lib/format/measure.h"

namespace instar::raw {
namespace {

constexpr uint8_t kName[] = {'r', 'a', 'w'};

Result<Measurement> Measure(const MeasureOptions& options, Image* source) {
  const uint64_t size = TRY(MeasuredSize(options, source));
  return Measurement{.required = size, .fully_allocated = size};
}

}  // namespace

extern const Measurer kMeasurer;
constinit const Measurer kMeasurer = {.name = ByteView{kName, sizeof kName},
                                      .check_clusters = nullptr,
                                      .check_options = nullptr,
                                      .measure = &Measure};

}  // namespace instar::raw
