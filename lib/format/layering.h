// What is done to an image as a layer of a chain, besides reading and writing
// its bytes: another backing file, giving up all that it holds.
//
// Each of them leaves an image that opens and reads as before or after,
// wherever it is interrupted.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar {

// The backing file that an image is to name.
struct BackingLink {
  ByteView name;    // empty: none
  ByteView format;  // empty: not recorded
  // vmdk: the content id that the backing file has; this where there is none.
  uint32_t parent_id = ~uint32_t{0};
};

// What a format's layering.cc exports, as `constinit const Layering kLayering`.
// Null members are what the format cannot do. `file` is the image's own, open
// for writing.
struct Layering {
  ByteView name;
  // Whether the image in `file` may be changed at all. Null: every one may.
  // Errors: those of opening, kNeedsRepair.
  Status (*check)(Arena& arena, File& file);
  // Errors: kErrno, with EINVAL and ENOSPC for names that are too long.
  Status (*link)(Arena& arena, File& file, const BackingLink& link);
  // Makes the image hold nothing, so that all of its bytes are those of the
  // backing file, which are the same. `data_file`: the external one, or null.
  Status (*make_empty)(Arena& arena, File& file, File* data_file);
};

// That of a format; null: it can do none of this.
const Layering* FindLayering(ByteView name);

}  // namespace instar
