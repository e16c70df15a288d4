// The log as a ring of sectors, and the entries in it: MS-VHDX 2.3.1.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/vhdx/header.h"

namespace instar::vhdx {

struct LogEntry {
  uint64_t num_sectors = 0;  // 0: there is no valid entry
  uint64_t sequence_number = 0;
  uint64_t tail = 0;  // bytes from the log's start
  uint64_t num_descriptors = 0;
  uint64_t flushed_file_offset = 0;
  uint64_t last_file_offset = 0;

  bool IsValid() const { return num_sectors != 0; }
  uint64_t NumDescriptorSectors() const;
};

struct LogDescriptor {
  bool is_zero = false;
  uint64_t file_offset = 0;
  uint64_t zero_length = 0;    // bytes, of zeroes
  uint64_t leading_bytes = 0;  // of data
  uint32_t trailing_bytes = 0;
};

class LogRegion {
 public:
  LogRegion() = default;

  // REQUIRES: the log's offset and length are whole MiBs, its length not 0.
  static Result<LogRegion> Create(Arena& arena, File& file,
                                  const Header& header);

  uint64_t num_sectors() const { return num_sectors_; }
  // Whether a sector lies beyond the end of the file.
  bool IsPastEnd(uint64_t index) const;

  // A sector; the index wraps at the end. Valid until the next call.
  Result<ByteView> Sector(uint64_t index);

  // The entry that begins at a sector. qemu fails at a bad descriptor behind
  // a good header and takes no entry with more descriptors than its first
  // sector holds; with `tolerant` the former make an entry invalid and the
  // latter are read.
  // Errors: kVhdxLogDescriptor, kVhdxLogTooLarge, kErrno.
  Result<LogEntry> ReadEntry(uint64_t index, bool tolerant);

  // The n-th descriptor of the valid entry at `index`.
  Result<LogDescriptor> Descriptor(uint64_t index, uint64_t n);

 private:
  Result<LogEntry> ReadEntryHeader(uint64_t index);
  Result<bool> HasGoodDescriptors(uint64_t index, const LogEntry& entry);
  Result<bool> IsEntrySealed(uint64_t index, const LogEntry& entry);
  Result<ByteView> RawDescriptor(uint64_t index, uint64_t n);

  BlockCache cache_;
  File* file_ = nullptr;
  Guid guid_;
  uint64_t offset_ = 0;
  uint64_t num_sectors_ = 0;
  uint64_t checked_bytes_ = 0;
};

}  // namespace instar::vhdx
