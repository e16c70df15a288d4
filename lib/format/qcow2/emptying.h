// Emptying a qcow2 image whose bytes its backing file has as well: what
// `commit` leaves of an overlay.
#pragma once

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar::qcow2 {

// Leaves nothing allocated. Where neither snapshots nor bitmaps nor another
// file hold clusters, the file becomes as short as that of a new image.
// `data_file`: the external one, or null.
// Errors: those of Metadata, kErrno.
Status MakeEmpty(Arena& arena, File& file, File* data_file);

}  // namespace instar::qcow2
