// The file as its metadata is read: with the log's changes, in one window that
// is kept, and where qemu could read it.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar::vhdx {

class Log;

// Whether qemu's file layer takes a transfer of these bytes. They do not wrap
// then.
bool IsReadable(uint64_t offset, uint64_t length);

class MetadataFile {
 public:
  static constexpr uint64_t kMaxWindowBytes = 64 * 1024;

  MetadataFile() = default;
  // `log` may be null: it changes nothing.
  static Result<MetadataFile> Create(Arena& arena, File& file, Log* log);

  // Length in bytes, whole sectors of 512.
  uint64_t size() const { return size_; }
  Log* log() const { return log_; }

  // Fills `out` from `offset` on, with zeroes beyond the end of the file.
  // Errors: kVhdxUnreadable, kErrno.
  Status Read(uint64_t offset, MutableBytes out);

  // At most kMaxWindowBytes bytes. Valid until the next call.
  // Errors: those of Read.
  Result<ByteView> Window(uint64_t offset, uint64_t length);

 private:
  File* file_ = nullptr;
  Log* log_ = nullptr;
  uint64_t size_ = 0;
  MutableBytes window_;
  uint64_t window_offset_ = 0;
  uint64_t window_length_ = 0;  // 0: it holds nothing
};

}  // namespace instar::vhdx
