#include "guest/op/resize/wanted_bytes.h"

namespace instar::guest {

Result<uint64_t> WantedBytes(const instar_proto_ResizeConfig& config,
                             uint64_t current) {
  uint64_t bytes = config.size;
  if (config.relation == instar_proto_SizeRelation_SIZE_MORE) {
    bytes = current + config.size;
  } else if (config.relation == instar_proto_SizeRelation_SIZE_LESS) {
    bytes = current - config.size;
  }
  if (static_cast<int64_t>(bytes) <= 0) {
    return Error{.fault = Fault::kResizeNotPositive, .value = bytes};
  }
  const bool preallocates =
      config.preallocation != instar_proto_Preallocation_PREALLOCATION_OFF;
  if (bytes <= current && preallocates) {
    return Error{.fault = Fault::kResizePreallocationShrinks, .value = bytes};
  }
  if (bytes < current && !config.shrink) {
    return Error{.fault = Fault::kResizeNeedsShrink, .value = bytes};
  }
  return bytes;
}

}  // namespace instar::guest
