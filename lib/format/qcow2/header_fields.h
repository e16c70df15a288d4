// Single fields of the header of an image that is there already. Each lies in
// one sector, so that it is written as a whole or not at all.
#pragma once

#include <cstdint>

#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar::qcow2 {

// Writes the length of the disk once all that came before is durable, and makes
// it durable. Errors: kErrno.
Status PutVirtualSize(File& file, uint64_t bytes);

// The same for place and length of the L1 table. Errors: also kOverflow.
Status PutL1Place(File& file, uint64_t offset, uint64_t entries);

}  // namespace instar::qcow2
