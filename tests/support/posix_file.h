// A File over a file of the machine that runs the tests.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/file.h"

namespace instar::fakes {

class PosixFile final : public File {
 public:
  // Opens, or with `create` makes and empties, the file. ok() tells of success.
  explicit PosixFile(const std::string& path, bool writable = false,
                     bool create = false, uint32_t slot = 0);
  ~PosixFile();
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  bool ok() const { return descriptor_ >= 0; }
  const std::string& path() const { return path_; }

  uint32_t slot() const override { return slot_; }
  uint64_t size() const override;
  uint64_t allocated() const override;
  uint32_t request_alignment() const override { return 1; }
  Status ReadAt(uint64_t offset, MutableBytes out) override;
  Status WriteAt(uint64_t offset, ByteView bytes) override;
  Status WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) override;
  Status Truncate(uint64_t size, FilePreallocation preallocation) override;
  Status Flush() override;
  Result<FileExtent> Extent(uint64_t offset, uint64_t length) override;

 private:
  std::string path_;
  int descriptor_;
  uint32_t slot_;
};

}  // namespace instar::fakes
