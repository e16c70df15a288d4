// One refcount in a refcount block (qcow2.txt, "Refcount block entry").
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::qcow2 {

// Stores `value`, which fits 1 << `order` bits, as the refcount of that index.
// REQUIRES: `block` has it.
void PutRefcount(MutableBytes block, uint64_t order, uint64_t index,
                 uint64_t value);

}  // namespace instar::qcow2
