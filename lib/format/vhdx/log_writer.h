// The log as qemu-img leaves it: each change of the BAT went through an entry
// of its own. The entries are written as a record only; the header never names
// them, so that nothing is ever replayed.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/vhdx/header.h"

namespace instar::vhdx {

// Numbers that look random and differ from one image to the next, for GUIDs
// that nobody guesses or compares but with themselves.
class GuidSource {
 public:
  explicit GuidSource(uint64_t seed) : state_(seed) {}
  // Puts a GUID at `offset`. Errors: kOutOfBounds.
  Status Put(const MutableBytes& record, uint64_t offset);

 private:
  uint64_t Next();
  uint64_t state_;
};

class LogWriter {
 public:
  LogWriter() = default;

  // Errors: kNoMemory.
  static Result<LogWriter> Create(Arena& arena, File& file,
                                  const Header& header);

  // Records that `sector`, of kLogSectorBytes, is what stands at `offset` now.
  // `file_size`: bytes. Errors: kErrno.
  Status Add(uint64_t offset, ByteView sector, uint64_t file_size,
             GuidSource& guids);

  // Entries so far.
  uint64_t count() const { return count_; }

 private:
  File* file_ = nullptr;
  uint64_t log_offset_ = 0;
  uint64_t log_length_ = 0;
  uint64_t count_ = 0;
  MutableBytes entry_;
};

}  // namespace instar::vhdx
