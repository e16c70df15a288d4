// References to runs of host clusters that are in use, for operations that
// change the counts of a whole image.
#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/refcounts.h"

namespace instar::qcow2 {

Status Refcounts::AddReferences(uint64_t first, uint64_t count,
                                uint64_t& added) {
  for (uint64_t i = 0; i < count; ++i) {
    const Place place = TRY(Locate(first + i));
    // A cluster that no block counts cannot be in use: the image is wrong.
    const uint64_t refcount =
        place.page == nullptr ? max_refcount_ : Read(place);
    if (refcount == max_refcount_) {
      return Error{.fault = Fault::kErrno, .error = kEinval};
    }
    Write(place, refcount + 1);
    ++added;
  }
  return {};
}

Status Refcounts::DropReferences(uint64_t first, uint64_t count,
                                 FreedRun& freed) {
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t cluster = first + i;
    const Place place = TRY(Locate(cluster));
    const uint64_t refcount = place.page == nullptr ? 0 : Read(place);
    if (refcount == 0) {
      return Error{.fault = Fault::kErrno, .error = kEinval};
    }
    Write(place, refcount - 1);
    if (refcount > 1) {
      continue;
    }
    next_free_ = Min(next_free_, cluster);
    if (cluster != freed.first + freed.count) {
      TRY(GiveUp(freed));
      freed.first = cluster;
    }
    ++freed.count;
  }
  return {};
}

Status Refcounts::GiveUp(FreedRun& freed) {
  const uint64_t offset = freed.first << geometry_->cluster_bits;
  const uint64_t bytes = freed.count << geometry_->cluster_bits;
  const uint64_t size = file_->size();
  freed = {};
  if (bytes == 0 || offset >= size) {
    return {};
  }
  return file_->WriteZeroes(offset, Min(size - offset, bytes), true);
}

}  // namespace instar::qcow2
