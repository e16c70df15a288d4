// The header of a QED image: parsed, and refused where qemu-img refuses it.
#pragma once

#include <cstdint>

#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/qed/layout.h"

namespace instar::qed {

struct Header {
  uint64_t cluster_size = 0;    // bytes
  uint64_t table_clusters = 0;  // length of a table
  uint64_t header_clusters = 0;
  uint64_t features = 0;
  uint64_t l1_offset = 0;
  uint64_t image_size = 0;  // bytes
  uint64_t backing_file_offset = 0;
  uint64_t backing_file_bytes = 0;
  uint64_t file_end = 0;  // bytes: the end of the file's last whole cluster

  uint64_t table_entries() const {
    return cluster_size * table_clusters / kEntryBytes;
  }
  // Whether a cluster, or a table, may begin at `offset`.
  bool IsClusterOffset(uint64_t offset) const;
  bool IsTableOffset(uint64_t offset) const;
};

// Reads the header of `file`, which `cache` caches, and checks it in qemu-img's
// order. Errors: kNotInFormat, kErrno, kOverflow, the kQed… of its fields.
Result<Header> ReadHeader(BlockCache& cache, const File& file);

// Block length for reading the tables.
uint64_t TableBlockBytes(const Header& header);

}  // namespace instar::qed
