// Whether an image's clusters are allocated in its tables but not in the file.
#pragma once

#include "lib/base/file.h"
#include "lib/format/block_cache.h"
#include "lib/format/qcow2/header.h"

namespace instar::qcow2 {

// True where the refcounts tell of markedly more clusters than the host's file
// has blocks for: qemu-img then asks the host about each data cluster, and so
// must whoever wants its answers. An image whose refcounts cannot be read is
// not one of these.
bool LooksPreallocated(BlockCache& cache, const Header& header,
                       const File& file);

}  // namespace instar::qcow2
