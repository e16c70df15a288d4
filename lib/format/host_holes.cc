#include "lib/format/host_holes.h"

#include "lib/format/host_extents.h"

namespace instar {

void MarkHostHoles(Extent& extent) {
  const auto host =
      LocateInHostFile(*extent.file, extent.host_offset, extent.length);
  if (!host.ok()) {
    return;
  }
  if (host.value().data || !host.value().ends_file) {
    extent.length = host.value().length;
  }
  if (!host.value().data) {
    extent.flags |= kExtentZero;
  }
}

}  // namespace instar
