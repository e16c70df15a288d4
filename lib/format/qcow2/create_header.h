// The first cluster of a new image: the header and its extensions.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/geometry.h"
#include "lib/format/target.h"

namespace instar::qcow2 {

// What only making the image tells.
struct HeaderTables {
  uint64_t size = 0;  // virtual, bytes
  uint64_t l1_offset = 0;
  uint64_t l1_entries = 0;
  uint64_t refcount_table_offset = 0;
  uint64_t refcount_table_clusters = 0;
};

// The length of header and extensions without, and with, the name of the
// backing file.
uint64_t ExtensionsEnd(const CreateOptions& options);
uint64_t HeaderEnd(const CreateOptions& options);

// Writes them to the start of `out`, which holds zeroes.
// Errors: kOutOfBounds where `out` is shorter than HeaderEnd, kOverflow.
Status PutHeader(const CreateOptions& options, const HeaderTables& tables,
                 MutableBytes out);

}  // namespace instar::qcow2
