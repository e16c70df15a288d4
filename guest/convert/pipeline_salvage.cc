// --salvage: what cannot be read becomes zeroes, and is told.
#include "guest/convert/pipeline.h"
#include "guest/rt/findings.h"
#include "lib/base/checked.h"
#include "lib/format/chain.h"

namespace instar::guest {

void Pipeline::Mend(Item& item) {
  constexpr int32_t kIoError = 5;  // EIO
  item.damaged = false;
  for (uint64_t at = 0; at < item.chunk.length; at += convert::kSectorBytes) {
    const MutableBytes sector =
        item.data.Slice(at, convert::kSectorBytes).value();
    const uint64_t position = item.chunk.position + at;
    const Status status = ReadSector(position, sector);
    if (!status.ok()) {
      sector.Fill(0);
      const int32_t error = status.error().error;
      ReportWarning({.fault = Fault::kUnreadable,
                     .value = position,
                     .error = error == 0 ? kIoError : error});
    }
  }
}

Status Pipeline::ReadSector(uint64_t position, MutableBytes out) {
  uint64_t done = 0;
  while (done < out.size()) {
    const convert::Planner::Origin origin = planner_->OriginOf(position + done);
    const uint64_t left = Min(out.size() - done, origin.left);
    Image* owner = origin.source;
    const Extent extent = TRY(LocateAbove(origin.source, nullptr, origin.offset,
                                          left, false, &owner));
    const uint64_t length =
        extent.length == 0 ? left : Min(extent.length, left);
    const MutableBytes piece = TRY(out.Slice(done, length));
    if (extent.length == 0 || (extent.flags & kExtentData) == 0 ||
        (extent.flags & kExtentZero) != 0) {
      piece.Fill(0);
    } else if ((extent.flags & kExtentCompressed) != 0) {
      TRY(long_cluster_->Read(extent, *owner, piece));
    } else if ((extent.flags & kExtentOffset) != 0) {
      TRY(extent.file->ReadAt(extent.host_offset, piece));
    } else {
      return Error{.fault = Fault::kUnsupported};
    }
    done += length;
  }
  return {};
}

}  // namespace instar::guest
