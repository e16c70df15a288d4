// One part of an image: a run of guest-visible sectors and the file that holds
// it, flat or in grains that tables lead to.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"

namespace instar::vmdk {

enum class ExtentKind : uint8_t { kFlat, kSparse, kSeSparse };

struct ImageExtent {
  File* file = nullptr;
  ByteView type;  // as in the descriptor; empty: the extent is the whole image
  ExtentKind kind = ExtentKind::kFlat;
  bool compressed = false;
  bool has_markers = false;
  bool has_zeroed_grains = false;
  bool has_tracked_changes = false;  // which a writer would have to record
  uint64_t sectors = 0;              // guest-visible
  uint64_t end_sector = 0;           // of this and all extents before it
  uint64_t flat_start = 0;           // bytes; may lie outside any file
  uint64_t grain_sectors = 0;        // of a flat extent: all of it; never 0
  uint64_t directory_offset = 0;     // bytes
  // Of the tables' second copy; 0: there is none.
  uint64_t second_directory_offset = 0;
  uint64_t num_directory_entries = 0;
  uint64_t table_entries = 0;  // never 0 where there are tables
  uint64_t tables_sector = 0;  // kSeSparse only, as is the next
  uint64_t grains_sector = 0;

  uint64_t first_sector() const { return end_sector - sectors; }
  uint64_t table_sectors() const { return grain_sectors * table_entries; }
};

// What a sparse extent's first bytes say.
struct SparseHeader {
  ImageExtent extent;
  // The file is a descriptor after all, which begins here (bytes).
  bool has_descriptor = false;
  uint64_t descriptor_offset = 0;
};

// Reads the header of a KDMV or COWD file; `magic` is its first four bytes.
// A footer's place counts from the end of `image_file`, as in qemu, which is
// the same file but for extents of a descriptor.
// Errors: kVmdkNotVmdk and the like.
Result<SparseHeader> ReadSparseHeader(BlockCache& cache, File& file,
                                      uint32_t magic, const File& image_file);

// Reads the headers of a SESPARSE file.
// Errors: kVmdkSeMagic and the like.
Result<ImageExtent> ReadSeSparseHeader(BlockCache& cache, File& file);

}  // namespace instar::vmdk
