#include "tests/support/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace instar::fakes {
namespace {

Error Failure() {
  return {.fault = Fault::kErrno, .error = errno};
}

// `offset` as the calls take it; -1, which they refuse, where it has no room.
off_t ToOffset(uint64_t offset) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  return offset > kMax ? off_t{-1} : static_cast<off_t>(offset);
}

}  // namespace

PosixFile::PosixFile(const std::string& path, bool writable, bool create,
                     uint32_t slot)
    : path_(path),
      descriptor_(::open(path.c_str(),
                         (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC |
                             (create ? O_CREAT | O_TRUNC : 0),
                         0644)),
      slot_(slot) {}

PosixFile::~PosixFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

uint64_t PosixFile::size() const {
  struct stat status = {};
  return ::fstat(descriptor_, &status) == 0
             ? static_cast<uint64_t>(status.st_size)
             : 0;
}

uint64_t PosixFile::allocated() const {
  struct stat status = {};
  return ::fstat(descriptor_, &status) == 0
             ? static_cast<uint64_t>(status.st_blocks) * 512
             : 0;
}

Status PosixFile::ReadAt(uint64_t offset, MutableBytes out) {
  out.Fill(0);
  uint64_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::pread(descriptor_, out.data() + done, out.size() - done,
                              ToOffset(offset + done));
    if (n < 0) {
      return Failure();
    }
    if (n == 0) {
      break;
    }
    done += static_cast<uint64_t>(n);
  }
  return {};
}

Status PosixFile::WriteAt(uint64_t offset, ByteView bytes) {
  uint64_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::pwrite(descriptor_, bytes.data() + done,
                               bytes.size() - done, ToOffset(offset + done));
    if (n < 0) {
      return Failure();
    }
    done += static_cast<uint64_t>(n);
  }
  return {};
}

Status PosixFile::WriteZeroes(uint64_t offset, uint64_t length,
                              bool may_unmap) {
  const int mode = may_unmap ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
                             : FALLOC_FL_ZERO_RANGE;
  const uint64_t end = offset + length;
  if (may_unmap && end > size() &&
      ::ftruncate(descriptor_, ToOffset(end)) != 0) {
    return Failure();
  }
  if (::fallocate(descriptor_, mode, ToOffset(offset), ToOffset(length)) == 0) {
    return {};
  }
  static constexpr uint8_t kZeroes[4096] = {};
  for (uint64_t at = offset; at < end; at += sizeof kZeroes) {
    TRY(WriteAt(at, ByteView(kZeroes, std::min(sizeof kZeroes, end - at))));
  }
  return {};
}

Status PosixFile::Truncate(uint64_t new_size, FilePreallocation preallocation) {
  const uint64_t old_size = size();
  if (::ftruncate(descriptor_, ToOffset(new_size)) != 0) {
    return Failure();
  }
  if (preallocation == FilePreallocation::kSparse || new_size <= old_size) {
    return {};
  }
  const int error = ::posix_fallocate(descriptor_, ToOffset(old_size),
                                      ToOffset(new_size - old_size));
  return error == 0 ? Status()
                    : Status(Error{.fault = Fault::kErrno, .error = error});
}

Status PosixFile::Flush() {
  return ::fdatasync(descriptor_) == 0 ? Status() : Status(Failure());
}

Result<FileExtent> PosixFile::Extent(uint64_t offset, uint64_t length) {
  const uint64_t end = size();
  if (offset >= end) {
    return FileExtent{};
  }
  const uint64_t most = std::min(length, end - offset);
  const off_t data = ::lseek(descriptor_, ToOffset(offset), SEEK_DATA);
  if (data < 0) {
    // ENXIO: nothing but a hole follows. Else the file system cannot tell.
    return FileExtent{.length = most, .data = errno != ENXIO};
  }
  if (static_cast<uint64_t>(data) > offset) {
    const uint64_t hole = static_cast<uint64_t>(data) - offset;
    return FileExtent{.length = std::min(hole, most), .data = false};
  }
  const off_t hole = ::lseek(descriptor_, ToOffset(offset), SEEK_HOLE);
  const uint64_t run = hole < 0 ? most : static_cast<uint64_t>(hole) - offset;
  return FileExtent{.length = std::min(run, most), .data = true};
}

}  // namespace instar::fakes
