// An image that shrinks: the size, then all that lay behind it, then refcount
// blocks that count nothing any more and the end of the file.
#pragma once

#include <cstdint>

#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/metadata.h"

namespace instar::qcow2 {

// `data_file`: null where the image holds its data itself. `bytes`: fewer than
// the disk has. Errors: kErrno and those of Crop.
Status Shrink(Metadata& image, File* data_file, uint64_t bytes);

}  // namespace instar::qcow2
