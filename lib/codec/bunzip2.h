// bzip2 streams, one buffer to one buffer: a decoder of our own, because the
// distributions' library comes with its packer and with stdio.
#pragma once

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace instar::codec {

struct Bunzip2State;

// Cuts the memory of one decoder, the largest block's 3.5 MiB.
// Errors: kNoMemory.
Result<Bunzip2State*> CreateBunzip2(Arena& arena);

// As Unpacker::Bunzip2.
Status Bunzip2(Bunzip2State& state, ByteView packed, MutableBytes out);

}  // namespace instar::codec
