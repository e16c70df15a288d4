// The header of a VHDX file: two copies, of which the newer valid one counts.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/vhdx/layout.h"

namespace instar::vhdx {

struct Header {
  uint32_t copy = 0;  // which of the two it is
  uint64_t sequence_number = 0;
  Guid log_guid;  // zero: the log holds nothing
  uint64_t log_version = 0;
  uint64_t log_length = 0;  // bytes
  uint64_t log_offset = 0;
};

// The current header of the file. Memory of `arena` is used during the call.
// Errors: kVhdxSignature, kVhdxNoHeader, kVhdxLogPlace, kVhdxLogVersion,
// kVhdxLogLength, kErrno.
Result<Header> ReadHeader(File& file, Arena& arena);

}  // namespace instar::vhdx
