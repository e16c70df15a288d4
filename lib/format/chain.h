// A backing chain: opening it layer by layer, and what all layers together say
// of a run of bytes.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/opener.h"
#include "lib/base/result.h"
#include "lib/format/image.h"

namespace instar {

// The reader that is surest of `head`; raw where no other is. `head` is the
// first 512 bytes of the file, padded with zeroes.
const Reader& Probe(ByteView head, ByteView filename);

// The reader of that name; null: none.
const Reader* FindReader(ByteView name);

// Opens `file` as `format`, or as what probing says where it is empty.
// Errors: kUnknownDriver, kPolicyRawProbed, kPolicySize and those of the
// reader.
Result<Image*> OpenImage(Arena& arena, File& file, ByteView format,
                         ByteView filename, Opener& opener,
                         const OpenOptions& options);

// Where OpenChain failed: in which file, and whether that file is a backing
// file. Valid after an error only.
struct ChainFailure {
  const File* file = nullptr;  // the layer that failed or named the missing one
  uint32_t depth = 0;          // of that layer; 0 is the top
};

// A chain deeper than this is refused.
inline constexpr uint32_t kMaxChainDepth = 200;

// OpenImage for `file` and for every backing file below it.
Result<Image*> OpenChain(Arena& arena, File& file, ByteView format,
                         ByteView filename, Opener& opener,
                         const OpenOptions& options, ChainFailure& failure);

// What `top` and the layers below it, down to but without `base` (null: to the
// bottom), say of the bytes from `offset` on. Ends exactly where qemu-img's
// answer ends. Bytes that no layer allocates come without kExtentAllocated if
// base is not null, else as zeroes.
// `owner`, where not null, becomes the layer that decided.
Result<Extent> LocateAbove(Image* top, const Image* base, uint64_t offset,
                           uint64_t length, bool exact, Image** owner);

struct LayerExtent {
  Extent extent;
  uint32_t depth = 0;  // of the layer that said so; 0 is the top
};

// The first layer, from the top down, that calls the bytes from `offset` on
// data or zeroes, with qemu-img's ends: what `map` shows. Unlike LocateAbove it
// names the layer whose backing file is missing or too short, not the one
// below. Extents are exact.
Result<LayerExtent> LocateByLayer(Image* top, uint64_t offset, uint64_t length);

}  // namespace instar
