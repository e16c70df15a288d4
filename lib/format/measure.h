// How large a new image will be: what a format needs for a source's data, or
// for a size alone. A format that can tell exports a Measurer from
// lib/format/<name>/measure.cc.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/image.h"
#include "lib/format/target.h"

namespace instar {

// What decides how formats of blocks lay an image out. 0 stands for the
// format's own default.
struct BlockLayout {
  bool fixed = false;   // all space is taken at once
  bool packed = false;  // blocks are compressed
  uint64_t block_size = 0;
  uint64_t log_size = 0;
};

struct MeasureOptions {
  CreateOptions create;           // size: used where there is no source
  bool has_backing_file = false;  // even one without a name
  BlockLayout layout;
  bool parallels_has_bitmaps = false;
};

struct Measurement {
  uint64_t required = 0;         // bytes of the new file, or an upper bound
  uint64_t fully_allocated = 0;  // the same when all of the disk is written
  bool has_bitmaps = false;      // source and target can have some
  uint64_t bitmaps = 0;          // bytes for the source's
};

// What a format's measure.cc exports, as `constinit const Measurer kMeasurer`.
struct Measurer {
  ByteView name;
  // Checks the options in qemu-img's order: the cluster size, and what else
  // there is but the size. Null: nothing to check.
  Status (*check_clusters)(const MeasureOptions& options);
  Status (*check_options)(const MeasureOptions& options);
  // `source`: the top of an opened chain, or null.
  // Errors: those of Locate; kSizeTooLarge or the format's own where the size
  // is too large.
  Result<Measurement> (*measure)(const MeasureOptions& options, Image* source);
};

// The measurer of a format; null: there is none.
const Measurer* FindMeasurer(ByteView format);

// The bytes of the whole blocks of `block_bytes`, a power of two, that hold
// data of `source`.
// Errors: those of Locate, kOverflow.
Result<uint64_t> CountDataBytes(Image& source, uint64_t block_bytes);

// The size to measure: the source's, or the one that was asked for, in whole
// sectors. Errors: kOverflow.
Result<uint64_t> MeasuredSize(const MeasureOptions& options,
                              const Image* source);

// An image of blocks behind its metadata.
struct BlockSizes {
  uint64_t block_bytes = 0;     // of the disk, a power of two
  uint64_t stored_bytes = 0;    // at most, that one of them takes in the file
  uint64_t metadata_bytes = 0;  // at most
};

// An upper bound of the file that `qemu-img convert` makes.
// Errors: those of CountDataBytes, kSizeTooLarge.
Result<Measurement> MeasureBlocks(const MeasureOptions& options, Image* source,
                                  const BlockSizes& sizes);

}  // namespace instar
