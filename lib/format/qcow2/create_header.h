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

// Whether a header says what features are called.
bool HasFeatureNames(uint32_t version, uint64_t cluster_size);

// Writes an extension at `at`, which moves behind it and its padding; the
// second: the one with the names of features.
// Errors: kOutOfBounds where `out` is too short.
Status PutExtension(MutableBytes out, uint64_t& at, uint32_t type,
                    ByteView data);
Status PutFeatureNames(MutableBytes out, uint64_t& at);

}  // namespace instar::qcow2
