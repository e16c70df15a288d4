// `measure`: how large an image of another format would be with the data of a
// chain of images, or empty.
#include "lib/format/measure.h"

#include "guest/rt/chain.h"
#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "guest/rt/slot_file.h"

namespace instar::guest {
namespace {

bool Failed(const Error& error, instar_proto_Stage stage, uint32_t slot) {
  ReportFailure(error, {.stage = stage, .slot = slot});
  return false;
}

// Opens the source and chooses its snapshot; null after a report.
Image* OpenSource(Context& context) {
  const instar_proto_MeasureConfig& config = context.config->operation.measure;
  Image* image = OpenSource(context, config.source, Sharing::kFormatsOnly);
  if (image == nullptr || !config.has_snapshot ||
      ChooseSnapshot(*image, config.snapshot)) {
    return image;
  }
  return nullptr;
}

MeasureOptions OptionsOf(const instar_proto_MeasureConfig& config) {
  return {.create = CreateOptionsOf(config.target),
          .has_backing_file = config.has_backing_file,
          .layout = {.fixed = config.layout.fixed,
                     .packed = config.layout.packed,
                     .block_size = config.layout.block_size,
                     .log_size = config.layout.log_size},
          .parallels_has_bitmaps = config.parallels_has_bitmaps};
}

// The checks of the options that are due before the host's own error.
Status Check(const Measurer& measurer, const MeasureOptions& options,
             instar_proto_MeasureEnd end) {
  if (end == instar_proto_MeasureEnd_MEASURE_END_OPENED) {
    return {};
  }
  if (measurer.check_clusters != nullptr) {
    TRY(measurer.check_clusters(options));
  }
  if (end == instar_proto_MeasureEnd_MEASURE_END_CLUSTERS ||
      measurer.check_options == nullptr) {
    return {};
  }
  return measurer.check_options(options);
}

bool Measure(Image* source, const instar_proto_MeasureConfig& config) {
  if (config.end == instar_proto_MeasureEnd_MEASURE_END_OPENED) {
    return true;
  }
  const uint32_t slot = source == nullptr ? 0 : source->file().slot();
  const Measurer* measurer = FindMeasurer(ViewOf(config.target.format));
  if (measurer == nullptr) {
    return Failed({.fault = Fault::kUnsupported},
                  instar_proto_Stage_STAGE_CREATE, slot);
  }
  const MeasureOptions options = OptionsOf(config);
  const Status checked = Check(*measurer, options, config.end);
  if (!checked.ok()) {
    return Failed(checked.error(), instar_proto_Stage_STAGE_CREATE, slot);
  }
  if (config.end != instar_proto_MeasureEnd_MEASURE_END_ALL) {
    return true;
  }
  const Result<Measurement> sizes = measurer->measure(options, source);
  if (!sizes.ok()) {
    const bool is_status = source != nullptr &&
                           sizes.error().fault != Fault::kQcow2MeasureSize &&
                           sizes.error().fault != Fault::kSizeTooLarge;
    return Failed(sizes.error(),
                  is_status ? instar_proto_Stage_STAGE_STATUS
                            : instar_proto_Stage_STAGE_CREATE,
                  slot);
  }
  ReportMeasurement(sizes.value());
  return true;
}

}  // namespace

bool RunOperation(Context& context) {
  const instar_proto_MeasureConfig& config = context.config->operation.measure;
  Image* source = nullptr;
  if (config.has_source) {
    source = OpenSource(context);
    if (source == nullptr) {
      return false;
    }
  }
  return Measure(source, config);
}

}  // namespace instar::guest
