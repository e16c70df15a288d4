// A File in memory, for tests: it can fail at the n-th access and remembers
// what was asked of it.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "lib/base/file.h"

namespace instar::fakes {

enum class AccessKind {
  kRead,
  kWrite,
  kZero,
  kTruncate,
  kFlush,
  kExtent,
};

struct Access {
  AccessKind kind;
  uint64_t offset;
  uint64_t length;
};

class MemoryFile final : public File {
 public:
  explicit MemoryFile(std::vector<uint8_t> bytes = {}, uint32_t slot = 0);

  std::vector<uint8_t>& bytes() { return bytes_; }
  const std::vector<Access>& log() const { return log_; }
  void ClearLog() { log_.clear(); }

  // From the n-th access from now on (0 is the next), `count` accesses fail
  // with EIO and change nothing.
  void FailAt(uint64_t n,
              uint64_t count = std::numeric_limits<uint64_t>::max());
  // Bytes [offset, +length) are a hole for Extent(); they should be zeroes.
  void AddHole(uint64_t offset, uint64_t length);
  void set_allocated(uint64_t bytes) { allocated_ = bytes; }
  void set_request_alignment(uint32_t bytes) { alignment_ = bytes; }

  uint32_t slot() const override { return slot_; }
  uint64_t size() const override { return bytes_.size(); }
  // All of the file, unless set_allocated says otherwise.
  uint64_t allocated() const override;
  uint32_t request_alignment() const override { return alignment_; }
  Status ReadAt(uint64_t offset, MutableBytes out) override;
  Status WriteAt(uint64_t offset, ByteView bytes) override;
  Status WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) override;
  Status Truncate(uint64_t size, FilePreallocation preallocation) override;
  Status Flush() override;
  Result<FileExtent> Extent(uint64_t offset, uint64_t length) override;

 private:
  struct Hole {
    uint64_t offset;
    uint64_t length;
  };

  Status Enter(AccessKind kind, uint64_t offset, uint64_t length);

  std::vector<uint8_t> bytes_;
  std::vector<Access> log_;
  std::vector<Hole> holes_;
  uint32_t slot_;
  uint32_t alignment_ = 1;
  uint64_t allocated_ = std::numeric_limits<uint64_t>::max();
  uint64_t until_failure_ = std::numeric_limits<uint64_t>::max();
  uint64_t failures_left_ = 0;
};

}  // namespace instar::fakes
