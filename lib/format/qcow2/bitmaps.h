// The directory of persistent bitmaps (qcow2.txt, "Bitmaps").
#pragma once

#include "lib/base/arena.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/facts.h"
#include "lib/format/qcow2/extensions.h"
#include "lib/format/qcow2/header.h"

namespace instar::qcow2 {

// Checks the directory and the tables of bitmaps that are not in use, as far
// as qemu-img refuses to open an image for what is wrong with them. `arena`
// keeps the text of an error.
// Errors: kErrno, the kQcow2Bitmap….
Status CheckBitmaps(BlockCache& cache, const Header& header,
                    const Extensions& extensions, Arena& arena);

// Tells `visitor` of every bitmap. Errors: as CheckBitmaps, and the visitor's.
Status ListBitmaps(BlockCache& cache, const Header& header,
                   const Extensions& extensions, Arena& arena,
                   FactsVisitor& visitor);

}  // namespace instar::qcow2
