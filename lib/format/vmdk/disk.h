// What the metadata says of a whole image: its extents, each with its file
// open, and the descriptor's values.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/opener.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/vmdk/extent.h"

namespace instar::vmdk {

struct Disk {
  ByteView create_type;  // empty: a COWD file of its own
  uint32_t cid = 0;
  uint32_t parent_cid = 0;
  ByteView parent_name;  // empty: none
  // Ordered by their ends. At least one.
  std::span<const ImageExtent> extents;  // num_extents of them, then room
  uint64_t num_extents = 0;
  // Where the descriptor's values stand in the image's own file, in bytes.
  uint64_t descriptor_offset = 0;

  uint64_t sectors() const;
  // Which extent holds `sector`, which is below sectors().
  uint64_t IndexOf(uint64_t sector) const;
  const ImageExtent& ExtentAt(uint64_t sector) const {
    return extents[IndexOf(sector)];
  }
};

// Reads the metadata of the image in `file` and opens the files that it names.
// `cache` must be one of `file`; it is used for others too.
// Errors: kVmdkOpen and the like, kReference, kErrno, kNoMemory.
Result<Disk> OpenDisk(Arena& arena, BlockCache& cache, File& file,
                      Opener& opener);

}  // namespace instar::vmdk
