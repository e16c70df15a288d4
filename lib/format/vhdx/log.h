// What the log of an image still has to write to the file: the active sequence
// of MS-VHDX 2.3.2, as changes that are laid over whatever is read.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/vhdx/header.h"
#include "lib/format/vhdx/log_region.h"

namespace instar::vhdx {

class Log {
 public:
  explicit Log(const LogRegion& region) : region_(region) {}

  // Does to `out`, which was read at `offset` of the file, what replaying the
  // log would have done. Errors: kErrno.
  Status Apply(uint64_t offset, MutableBytes out);

  // Writes all changes, and makes the file as long as it is to be; nothing of
  // it is durable yet. Errors: kErrno.
  Status Replay(File& file);

  // Whether the log changes any of these bytes.
  bool Changes(uint64_t offset, uint64_t length) const;

  // The length that the file would have, where it is shorter.
  uint64_t file_size() const { return file_size_; }

  bool IsEmpty() const { return changes_.empty(); }

  // Whether there is a valid entry. Errors: those of LogRegion::ReadEntry.
  Result<bool> HasEntry();

  // Finds the changes. Errors: kVhdxLogDamaged where there are entries that
  // make no complete sequence, kVhdxLogTooLarge, kErrno.
  Status Load(Arena& arena, uint64_t actual_file_size);

 private:
  // Entries in a row, each with the sequence number that follows.
  struct Run {
    uint64_t start = 0;        // sector of the first entry
    uint64_t num_sectors = 0;  // 0: none
    uint64_t num_entries = 0;
    LogEntry head;  // the last entry
  };
  // Where replaying starts: with the entry that the head calls the tail.
  struct Tail {
    bool found = false;
    uint64_t sector = 0;
    uint64_t num_entries = 0;  // from there on
    uint64_t num_changes = 0;
  };
  struct Change {
    uint64_t offset = 0;
    uint64_t length = 0;
    bool is_zero = false;
    uint64_t sector = 0;  // in the log, of data
    uint64_t leading_bytes = 0;
    uint32_t trailing_bytes = 0;
  };

  Result<Run> RunAt(uint64_t start);
  Result<Tail> FindTail(const Run& run);
  Status AddChanges(uint64_t sector, const LogEntry& entry);
  Status CheckDataSector(uint64_t sector, uint64_t sequence_number);
  Status ApplyData(const Change& change, uint64_t skipped, MutableBytes out);

  LogRegion region_;
  std::span<Change> changes_;
  uint64_t num_changes_ = 0;
  uint64_t file_size_ = 0;
};

// The log of the file with that header; null: it holds nothing. With `replay`
// its changes are loaded, else it is an error that there are some.
// Errors: kVhdxLogDirty and those of Log.
Result<Log*> OpenLog(Arena& arena, File& file, const Header& header,
                     bool replay);

}  // namespace instar::vhdx
