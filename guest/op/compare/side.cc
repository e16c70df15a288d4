#include "guest/op/compare/side.h"

#include "guest/rt/long_cluster.h"
#include "lib/base/checked.h"
#include "lib/format/chain.h"

namespace instar::guest {

Status Side::MoveTo(uint64_t position) {
  position_ = position;
  if (position >= start_ && position - start_ < run_.length) {
    return {};
  }
  start_ = position;
  run_ = TRY(
      LocateAbove(top_, nullptr, position, size() - position, true, &owner_));
  if (run_.length == 0) {
    return Error{.fault = Fault::kInternal, .value = position};
  }
  return {};
}

Result<Part> Side::Locate(uint64_t position, uint64_t length) {
  INSTAR_CHECK(position >= start_ && position - start_ < run_.length);
  if ((run_.flags & kExtentZero) != 0 || (run_.flags & kExtentData) == 0) {
    return Part{.length = Min(length, left())};
  }
  // The status may lack an offset, and a refusal to read.
  Image* owner = top_;
  const Extent extent = TRY(
      LocateAbove(top_, nullptr, position, Min(length, left()), false, &owner));
  Part part = {.length = Min(length, extent.length),
               .file = extent.file,
               .owner = owner};
  if ((extent.flags & kExtentZero) != 0 || (extent.flags & kExtentData) == 0) {
    return part;
  }
  if ((extent.flags & kExtentCompressed) != 0) {
    part.kind = Part::Kind::kPacked;
    part.host_offset = extent.host_offset;
    part.stored_bytes = extent.stored_bytes;
    part.cluster_offset = extent.cluster_offset;
    part.cluster_bytes = extent.cluster_bytes;
    if (LongCluster::Is(extent) || extent.stored_bytes > max_stored_bytes_) {
      part.kind = Part::Kind::kLong;
      part.long_extent = extent;
    }
    return part;
  }
  if ((extent.flags & kExtentOffset) == 0 || part.length == 0) {
    return Error{.fault = Fault::kUnsupported};
  }
  part.kind = Part::Kind::kStored;
  part.host_offset = extent.host_offset;
  return part;
}

}  // namespace instar::guest
