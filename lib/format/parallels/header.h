// The header of a Parallels image: parsed, and refused where qemu-img refuses
// it; and the block allocation table (BAT) behind it.
#pragma once

#include <cstdint>

#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/parallels/layout.h"

namespace instar::parallels {

struct Header {
  bool has_old_magic = false;
  uint64_t tracks = 0;  // sectors of a cluster
  uint64_t num_bat_entries = 0;
  uint64_t num_sectors = 0;       // guest-visible
  bool in_use = false;            // not closed correctly
  uint64_t data_offset = 0;       // sector, as stored
  uint64_t extension_sector = 0;  // 0: none

  uint64_t cluster_size() const { return tracks * kSectorBytes; }
  // Bytes up to the end of the BAT.
  uint64_t bat_end() const {
    return HeaderLayout::kSize + num_bat_entries * kBatEntryBytes;
  }
  // How many BAT entries a file of that length holds, at least in part; the
  // others read as unallocated.
  uint64_t NumStoredEntries(const File& file) const;
};

// Errors: kNotInFormat, kErrno, the kParallels… of its fields.
Result<Header> ReadHeader(BlockCache& cache);

// What qemu-img looks at last when it opens an image. Errors: kImageSize.
Status CheckSize(const Header& header);

// Where the cluster of BAT entry `index` is, in sectors; 0: unallocated.
// REQUIRES: index < header.num_bat_entries. Errors: kErrno.
Result<uint64_t> ClusterSector(BlockCache& cache, const Header& header,
                               uint64_t index);

}  // namespace instar::parallels
