// The metadata items: what the disk looks like.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/format/vhdx/metadata_file.h"

namespace instar::vhdx {

struct DiskParameters {
  uint64_t block_bytes = 0;   // a power of two, 1 MiB to 256 MiB
  uint64_t virtual_size = 0;  // bytes, as recorded
};

// Reads the table at `offset` and the items it names.
// Errors: kVhdxMetadataTable, kVhdxMetadataTwice, kVhdxMetadataUnknown,
// kVhdxMetadataMissing, kVhdxParent, kVhdxBlockSize, kVhdxSectorSize and those
// of MetadataFile::Read.
Result<DiskParameters> ReadMetadata(MetadataFile& file, uint64_t offset);

}  // namespace instar::vhdx
