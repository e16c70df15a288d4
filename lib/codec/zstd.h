// zstd frames (RFC 8878), one buffer to one buffer.
#pragma once

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"

struct ZSTD_DCtx_s;

namespace instar::codec {

struct ZstdState {
  ZSTD_DCtx_s* context = nullptr;
};

// Errors: kNoMemory.
Result<ZstdState*> CreateZstd(Arena& arena);

// As Unpacker::Zstd.
Status Zstd(ZstdState& state, ByteView packed, MutableBytes out);

}  // namespace instar::codec
