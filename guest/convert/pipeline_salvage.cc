// --salvage: what cannot be read becomes zeroes, and is told.
#include "guest/convert/pipeline.h"
#include "guest/rt/findings.h"
#include "lib/base/checked.h"
#include "lib/base/errno.h"

namespace instar::guest {

void Pipeline::Mend(Item& item) {
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
                     .error = error == 0 ? kEio : error});
    }
  }
}

Status Pipeline::ReadSector(uint64_t position, MutableBytes out) {
  uint64_t done = 0;
  while (done < out.size()) {
    const MutableBytes rest = TRY(out.Slice(done, out.size() - done));
    const Found found = TRY(Locate(position + done, rest));
    const Extent& extent = found.extent;
    if (found.is_zero) {
      // Filled already.
    } else if ((extent.flags & kExtentCompressed) != 0) {
      TRY(long_cluster_->Read(extent, *found.owner, found.out));
    } else if ((extent.flags & kExtentOffset) != 0) {
      TRY(extent.file->ReadAt(extent.host_offset, found.out));
    } else {
      return Error{.fault = Fault::kUnsupported};
    }
    done += found.out.size();
  }
  return {};
}

}  // namespace instar::guest
