// A file that gets another length on behalf of an image, with faults that say
// what was being done.
#pragma once

#include <cstdint>

#include "lib/base/errno.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/target.h"

namespace instar {

// Value2 of the errors where the file is that of an image in a format.
inline constexpr uint64_t kBelowFormat = 1;

// Errors: kResizeFile, kResizeReserve, kResizeWriteZeroes, by the kind of
// preallocation, with the errno.
inline Status ResizeFile(File& file, uint64_t bytes, Preallocation mode) {
  const Status done = file.Truncate(bytes, FileMode(mode));
  if (done.ok()) {
    return {};
  }
  Error error = done.error();
  // Where the length alone is too much it is told as such.
  const bool is_length = error.error == kEfbig || bytes <= file.size();
  if (is_length || FileMode(mode) == FilePreallocation::kSparse) {
    error.fault = Fault::kResizeFile;
  } else if (mode == Preallocation::kFalloc) {
    error.fault = Fault::kResizeReserve;
  } else {
    error.fault = Fault::kResizeWriteZeroes;
  }
  return error;
}

}  // namespace instar
