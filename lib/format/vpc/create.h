// What a new VHD image looks like: its geometry, its footer, its headers.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/format/target.h"

namespace instar::vpc {

struct Geometry {
  uint64_t cylinders = 0;
  uint64_t heads = 0;
  uint64_t sectors_per_track = 0;

  uint64_t sectors() const { return cylinders * heads * sectors_per_track; }
};
// That of a disk of so many sectors: what the specification's appendix gives
// for the first size from there on whose geometry holds them all. At most
// kMaxGeometrySectors.
Geometry GeometryFor(uint64_t sectors);

// Where the cookie of the footer is that counts. Errors: kVpcCreateTooLarge.
Result<uint64_t> MagicOffset(const CreateOptions& options);

// Writes an empty image. Errors: kVpcCreateTooLarge, kErrno.
Status CreateImage(Arena& arena, const TargetFiles& files,
                   const CreateOptions& options);

}  // namespace instar::vpc
