#include "lib/format/host_extents.h"

#include "lib/base/checked.h"

namespace instar {
namespace {

constexpr uint64_t kSectorBytes = 512;

}  // namespace

Result<uint64_t> SectorAlignedSize(const File& file) {
  return CheckedAlignUp(file.size(), kSectorBytes);
}

Result<HostExtent> LocateInHostFile(File& file, uint64_t offset,
                                    uint64_t length) {
  const uint64_t end_of_file = TRY(SectorAlignedSize(file));
  if (offset >= end_of_file) {
    return HostExtent{.length = 0, .data = false, .ends_file = true};
  }
  const uint64_t wanted = Min(length, end_of_file - offset);
  const uint64_t alignment = Max(file.request_alignment(), 1);
  const uint64_t start = AlignDown(offset, alignment);
  const uint64_t end = TRY(CheckedAlignUp(offset + wanted, alignment));

  const FileExtent found = TRY(file.Extent(start, end - start));
  HostExtent extent = {.length = end - start, .data = found.data};
  if (found.length == 0) {
    extent.data = false;  // behind the last byte
  } else if (found.data) {
    extent.length = TRY(CheckedAlignUp(found.length, alignment));
  } else {
    // A hole may be told to end with the file; what follows is no data either.
    const uint64_t hole_end = TRY(CheckedAdd(start, found.length));
    if (hole_end < file.size()) {
      extent.length = found.length;
    }
  }
  if (extent.length <= offset - start) {
    return Error{.fault = Fault::kInternal};
  }
  extent.length = Min(extent.length - (offset - start), wanted);
  extent.ends_file = offset + extent.length == end_of_file;
  return extent;
}

}  // namespace instar
