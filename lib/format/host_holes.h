// What qemu-img adds to an extent of an image by looking at the host file's own
// extents: that stored bytes are a hole, which reads as zeroes.
#pragma once

#include "lib/format/image.h"

namespace instar {

// Shortens `extent`, which has a file and an offset there, to the host file's
// own run, and adds kExtentZero where that is a hole. Bytes past the end of the
// file count as one hole, however many. Where the host cannot tell the extent
// stays as it is: this is only extra information.
void MarkHostHoles(Extent& extent);

}  // namespace instar
