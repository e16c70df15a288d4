// An image that gets another size, as qemu-img gives it one: which tables move
// and which clusters are taken or given up is the same.
//
// Whatever ends it in between, the image reads as before or as after. It grows
// when its header says so, last of all, and shrinks when its header says so,
// before anything behind the new end is given up. What such an end leaves there
// mapped is dropped when the image grows the next time.
#pragma once

#include "lib/base/arena.h"
#include "lib/base/result.h"
#include "lib/format/resize.h"

namespace instar::qcow2 {

// Gives the image the size, also where it has it already. Bitmaps change with
// it.
// Errors: kResize…, kBitmapInconsistent and those of writing an image.
Status Resize(Arena& arena, const ResizedFiles& files, const NewSize& size);

}  // namespace instar::qcow2
