// The format extension of a Parallels image: a cluster of features, of which
// dirty bitmaps are the only kind.
#pragma once

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/facts.h"
#include "lib/format/parallels/header.h"

namespace instar::parallels {

// Checks the extension, where there is one, as qemu-img does when it opens an
// image for reading; tells `visitor`, if not null, of the bitmaps. `arena`
// keeps the text of an error.
// Errors: kErrno, the kParallels… of extensions, features and bitmaps.
Status WalkExtension(BlockCache& cache, const File& file, const Header& header,
                     Arena& arena, FactsVisitor* visitor);

}  // namespace instar::parallels
