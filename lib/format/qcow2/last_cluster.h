// Which host cluster of an image was handed out last, as far as that shows.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/qcow2/header.h"

namespace instar::qcow2 {

// Where the search for free clusters stands, in bytes from the start of the
// file, in an image that was written from front to back since it was opened:
// behind the cluster of its last guest-visible bytes that have one, or behind
// the L2 table where none has; 0 where there is no L2 table.
// Errors: kErrno, kOverflow.
Result<uint64_t> BehindLastCluster(BlockCache& cache, const Header& header);

}  // namespace instar::qcow2
