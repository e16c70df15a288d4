// The header of a qcow image: parsed, and refused where qemu-img refuses it.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/format/block_cache.h"

namespace instar::qcow {

struct Header {
  uint64_t backing_file_offset = 0;
  uint64_t backing_file_bytes = 0;
  uint64_t size = 0;  // as stored; guests see whole sectors of it only
  uint64_t cluster_bits = 0;
  uint64_t l2_bits = 0;
  uint32_t crypt_method = 0;
  uint64_t l1_offset = 0;

  uint64_t cluster_size() const { return uint64_t{1} << cluster_bits; }
  uint64_t l2_bytes() const { return uint64_t{8} << l2_bits; }
  // Guest-visible bytes that one L2 table maps are 1 << l2_coverage_bits().
  uint64_t l2_coverage_bits() const { return cluster_bits + l2_bits; }
  uint64_t virtual_size() const { return size / 512 * 512; }
};

// Reads the header and checks it in qemu-img's order. With `needs_key` an
// encrypted image is refused: there is no key.
// Errors: kNotInFormat, kErrno, kOpenWithoutWords, the kQcow… of its fields.
Result<Header> ReadHeader(BlockCache& cache, bool needs_key);

}  // namespace instar::qcow
