// The one way in which bytes enter and leave lib/: a file that somebody else
// opened. In the guest it is a slot of the host's table (guest/rt); in unit
// tests a buffer that can fail on demand; in fuzzers the input.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/result.h"

namespace instar {

// A run of bytes of a file that does (data) or does not (a hole) hold data.
struct FileExtent {
  uint64_t length = 0;  // bytes from the asked offset on; 0 at or past the end
  bool data = false;
};

enum class FilePreallocation : uint8_t { kSparse, kFalloc, kFull };

// One of several reads that may be on their way at a time.
struct FileRead {
  uint64_t offset = 0;
  MutableBytes out;
};

class File {
 public:
  // The host's number for the file.
  virtual uint32_t slot() const = 0;
  // Length in bytes, as it is now.
  virtual uint64_t size() const = 0;
  // Allocated bytes (st_blocks * 512) when the file was opened.
  virtual uint64_t allocated() const = 0;
  // Offsets and lengths of transfers must be multiples of it; 1 but for
  // O_DIRECT. ReadAt and WriteAt take any offset all the same.
  virtual uint32_t request_alignment() const = 0;

  // Fills `out` from `offset` on; bytes past the end of the file read as
  // zeroes. Errors: kErrno.
  virtual Status ReadAt(uint64_t offset, MutableBytes out) = 0;
  // ReadAt for each of `count` reads, in any order. Errors: one read's; what
  // the others gave is unspecified then.
  virtual Status ReadEach(const FileRead* reads, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      TRY(ReadAt(reads[i].offset, reads[i].out));
    }
    return {};
  }
  // Writes all of `bytes`, growing the file. Errors: kErrno.
  virtual Status WriteAt(uint64_t offset, ByteView bytes) = 0;
  // Makes [offset, +length) read as zeroes, growing the file as WriteAt would.
  // With `may_unmap` the file may give up the space. Errors: kErrno.
  virtual Status WriteZeroes(uint64_t offset, uint64_t length,
                             bool may_unmap) = 0;
  // Takes space for [offset, +length) and grows the file to hold it; no byte
  // that it has changes. Perhaps not yet done on return: Flush waits for it
  // and reports its error.
  virtual Status Reserve(uint64_t offset, uint64_t length) {
    const uint64_t end = TRY(CheckedAdd(offset, length));
    if (end <= size()) {
      return {};
    }
    return Truncate(end, FilePreallocation::kSparse);
  }
  // Sets the length. Added bytes read as zeroes. Errors: kErrno.
  virtual Status Truncate(uint64_t size, FilePreallocation preallocation) = 0;
  // Makes what was written durable. Errors: kErrno.
  virtual Status Flush() = 0;
  // What is at `offset`: the run that begins there, at most `length` bytes.
  // Errors: kErrno.
  virtual Result<FileExtent> Extent(uint64_t offset, uint64_t length) = 0;

 protected:
  ~File() = default;
};

}  // namespace instar
