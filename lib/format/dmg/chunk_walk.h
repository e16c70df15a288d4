// Walks the chunks of all partitions in the order in which they stand in the
// file: in resources of a resource fork, or as base64 in the <data> elements
// of an XML text. A walk is a value: a copy goes on where the original stood.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"

namespace instar::dmg {

struct Chunk {
  uint32_t type = 0;  // ChunkType, one of those that can be read
  uint64_t sector = 0;
  uint64_t num_sectors = 0;
  uint64_t offset = 0;  // in the file, bytes
  uint64_t bytes = 0;   // stored

  // Whether it holds `number`. As qemu's sum wraps, so does this one.
  bool Holds(uint64_t number) const {
    return sector <= number && sector + num_sectors > number;
  }
};

class ChunkWalk {
 public:
  ChunkWalk() = default;

  // The resources in [begin, end) of the file.
  static ChunkWalk OfResources(uint64_t begin, uint64_t end,
                               uint64_t data_fork) {
    return ChunkWalk(begin, end, data_fork, false);
  }
  // The elements in the XML text [begin, end) of the file.
  static ChunkWalk OfXml(uint64_t begin, uint64_t end, uint64_t data_fork) {
    return ChunkWalk(begin, end, data_fork, true);
  }

  // The next chunk of a known type; false: there is none. Errors: kErrno,
  // also with EINVAL where the structure is broken.
  Result<bool> Next(BlockCache& cache, Chunk& chunk);

 private:
  ChunkWalk(uint64_t begin, uint64_t end, uint64_t data_fork, bool is_xml)
      : is_xml_(is_xml), data_fork_(data_fork), next_(begin), end_(end) {}

  Result<bool> NextTable(BlockCache& cache);
  Status NextResource(BlockCache& cache);
  Result<bool> NextElement(BlockCache& cache);
  Result<bool> FindTag(BlockCache& cache, ByteView tag, uint64_t& at) const;
  Result<bool> Read(BlockCache& cache, MutableBytes out);
  Result<bool> ReadBase64(BlockCache& cache, MutableBytes out);

  bool is_xml_ = false;
  bool in_table_ = false;
  uint64_t data_fork_ = 0;
  uint64_t next_ = 0;  // where the next resource or tag is looked for
  uint64_t end_ = 0;
  // Of the table at hand: what is left of it, and how many bytes of the next
  // four characters of base64 were already read.
  uint64_t table_at_ = 0;
  uint64_t table_end_ = 0;
  uint64_t consumed_ = 0;
  uint64_t first_sector_ = 0;
  uint64_t data_offset_ = 0;
};

}  // namespace instar::dmg
