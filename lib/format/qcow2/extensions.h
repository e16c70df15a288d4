// The header extensions (qcow2.txt, "Header extensions"): records between the
// header and the backing file's name or the end of the first cluster.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/qcow2/header.h"

namespace instar::qcow2 {

struct Extensions {
  ByteView backing_format;
  bool has_data_file_name = false;
  ByteView data_file_name;
  bool has_crypto = false;
  uint64_t crypto_offset = 0;
  uint64_t crypto_bytes = 0;
  bool stale_bitmaps = false;  // not to be trusted; the rest is not set then
  uint64_t num_bitmaps = 0;
  uint64_t bitmap_directory_offset = 0;
  uint64_t bitmap_directory_bytes = 0;
  // Where the feature name table's data is; 0 bytes where there is none.
  uint64_t feature_names_offset = 0;
  uint64_t feature_names_bytes = 0;
};

// Reads them into `extensions`, which after an error holds what came before
// it. Names are kept in `arena`, up to the first zero byte.
// Errors: kErrno, kNoMemory, kQcow2Extension… and those of each record.
Status ReadExtensions(BlockCache& cache, const Header& header, Arena& arena,
                      Extensions& extensions);

// The error for incompatible features that this program does not know, as
// ReadHeader gives it. REQUIRES: unknown != 0.
Error UnknownFeatures(BlockCache& cache, const Header& header, uint64_t unknown,
                      Arena& arena);

// `bytes` up to the first zero byte.
ByteView UpToZero(ByteView bytes);

// The `length` bytes of text at `offset`, up to the first zero byte, in
// `arena`.
Result<ByteView> ReadText(BlockCache& cache, Arena& arena, uint64_t offset,
                          uint64_t length);

}  // namespace instar::qcow2
