// Images whose disk becomes larger in place. Each step leaves an image that
// opens and reads as before or after, wherever it is interrupted.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/image.h"

namespace instar {

struct Grower {
  ByteView format;
  // Makes the disk of `image`, whose file `file` is, open for writing, `size`
  // bytes long, which is more than it has. What is new reads as zeroes, also
  // above a backing file that is longer.
  // Errors: kErrno, with EOPNOTSUPP where this image cannot grow.
  Status (*grow)(Arena& arena, File& file, const Image& image, uint64_t size);
};

// A guest has those of the formats that it writes.
using Growers = std::span<const Grower* const>;

extern const Grower kRawGrower;
extern const Grower kQcow2Grower;
extern const Grower kQedGrower;

}  // namespace instar
