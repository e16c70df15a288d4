// Whether clusters that the refcounts call free are so indeed: an image whose
// refcounts lie must not lose its tables to what is written next.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/format/qcow2/metadata.h"

namespace instar::qcow2 {

// That the `bytes` from `offset` on, which were just allocated, hold no table
// that the image refers to: of refcounts, of the present state or of snapshots.
// L2 tables of snapshots are not looked at, as qemu-img does not either.
// Errors: kErrno, with EIO where they do.
Status CheckApart(Metadata& image, uint64_t offset, uint64_t bytes);

// As Metadata::Allocate, with that check.
Result<uint64_t> AllocateApart(Metadata& image, uint64_t clusters);

}  // namespace instar::qcow2
