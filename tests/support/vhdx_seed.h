// Builds small VHDX images, byte by byte, for tests and seeds.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/format/vhdx/layout.h"

namespace instar::fakes {

// An image of four blocks of 1 MiB whose first one is stored; the others are
// not present. Where a log is asked for, it is 1 MiB long and empty.
class VhdxSeed {
 public:
  static constexpr uint64_t kMetadataOffset = 0x50000;
  static constexpr uint64_t kBatOffset = 0x70000;
  static constexpr uint64_t kBatBytes = 4096;
  static constexpr uint64_t kLogOffset = 1 << 20;
  static constexpr uint64_t kLogBytes = 1 << 20;
  static constexpr uint64_t kNumBlocks = 4;

  // One piece of a log's entry: a sector of data for `offset`, or zeroes.
  struct Piece {
    uint64_t offset;
    std::vector<uint8_t> data;  // 4096 bytes; empty: zeroes
    uint64_t zero_length = 0;
  };
  struct Entry {
    uint64_t sequence_number;
    uint32_t tail;  // bytes
    std::vector<Piece> pieces;
    uint64_t flushed_file_offset = 0;
    uint64_t last_file_offset = 0;
  };

  explicit VhdxSeed(bool with_log = false);

  std::vector<uint8_t>& bytes() { return bytes_; }
  // Where the first block is.
  uint64_t block_offset() const { return block_offset_; }

  void Put(uint64_t offset, uint64_t value, uint64_t width);
  void SetBatEntry(uint64_t index, uint64_t entry) {
    Put(kBatOffset + 8 * index, entry, 8);
  }
  // The first sector of the BAT with one entry changed.
  std::vector<uint8_t> BatSector(uint64_t index, uint64_t entry) const;
  // Adds an entry to the region table.
  void AddRegion(vhdx::Guid guid, uint64_t offset, uint32_t length,
                 uint32_t flags);
  // Writes an entry at a byte of the log, around its end where it is reached.
  void PutLogEntry(uint64_t at, const Entry& entry);
  // Makes the checksums of headers, region table and the entry at the log's
  // start right.
  void Seal();

 private:
  void PutHeader(uint64_t offset, uint64_t sequence_number, bool with_log);
  void AddItem(vhdx::MetadataItem item, uint64_t value, uint64_t width);
  void SealRecord(uint64_t offset, uint64_t length);

  std::vector<uint8_t> bytes_;
  uint64_t block_offset_;
  uint64_t num_regions_ = 0;
  uint64_t num_items_ = 0;
  uint64_t first_entry_bytes_ = 0;
};

}  // namespace instar::fakes
