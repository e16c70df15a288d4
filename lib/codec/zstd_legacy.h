// Frames of zstd before its format was frozen. No qcow2 image has them, and
// their decoders, which distributions compile into libzstd, are refused.
#pragma once

#include "lib/base/bytes.h"

namespace instar::codec {

// Whether `frame` starts with the magic number of a zstd before 0.8.
bool IsLegacyZstdFrame(ByteView frame);

}  // namespace instar::codec
