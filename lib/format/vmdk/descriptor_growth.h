// The text that describes an image whose last extent becomes longer.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar::vmdk {

class DescriptorGrowth {
 public:
  // `offset`: of the text in `file`, 0 where that holds nothing else.
  DescriptorGrowth(Arena& arena, File& file, uint64_t offset)
      : arena_(&arena), file_(&file), offset_(offset) {}

  // Puts the new text together: the last extent has `extent_sectors`, the disk
  // `disk_bytes`. Errors: kVmdkDescriptor where there is no extent's line,
  // kVmdkDescriptorTooLarge, kNoMemory, kErrno.
  Status Prepare(uint64_t extent_sectors, uint64_t disk_bytes);
  // Writes it and makes it durable.
  Status Write();

 private:
  Arena* arena_;
  File* file_;
  uint64_t offset_;
  ByteView text_;  // with the zeroes behind it
};

}  // namespace instar::vmdk
