// Giving up what an image maps behind an end of its disk.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/format/qcow2/metadata.h"

namespace instar::qcow2 {

// L2 tables behind the end that refer to nothing.
enum class EmptyTables : uint8_t { kKeep, kFree };

// Takes all whole clusters behind the first `bytes` of the disk out of the
// tables and drops their references. What reaches the file is in the order in
// which a crash leaves no worse than leaks; Metadata::Sync writes the rest.
// Errors: kQcow2L2TableUnaligned, kErrno and those of Refcounts.
Status Crop(Metadata& image, uint64_t bytes, EmptyTables empty);

}  // namespace instar::qcow2
