// Formats to which qemu-img gives no other size: they can grow.
#pragma once

#include <cstdint>

#include "guest/rt/context.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/image.h"

namespace instar::guest {

// Whether images of the format can grow though qemu-img lets none.
bool GrowsByOwnMeans(ByteView format);

// Makes such an image, which is open for writing, `wanted` bytes long, or a
// sector's part more. `preallocates`: what is added is to be. Errors:
// kResizeOwn… and those of writing.
Status GrowOwnFormat(Context& context, const Image& image, uint64_t wanted,
                     bool preallocates);

}  // namespace instar::guest
