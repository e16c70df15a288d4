#include "cmd/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <vector>

namespace instar::cmd {
namespace {

constexpr size_t kBufferBytes = 1 << 20;

// Writes all of it. Returns 0 or a negative errno.
int WriteBytes(int descriptor, const char* bytes, size_t size) {
  while (size != 0) {
    const ssize_t written = write(descriptor, bytes, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return written < 0 ? -errno : -EIO;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return 0;
}

}  // namespace

MemoryFile::MemoryFile() : descriptor_(memfd_create("instar", MFD_CLOEXEC)) {
  if (descriptor_ < 0)
    std::abort();
}

MemoryFile::~MemoryFile() {
  close(descriptor_);
}

std::string MemoryFile::path() const {
  return "/proc/self/fd/" + std::to_string(descriptor_);
}

int64_t MemoryFile::Fill(int descriptor, uint64_t bytes) const {
  if (ftruncate(descriptor_, 0) != 0 || lseek(descriptor_, 0, SEEK_SET) != 0)
    return -errno;
  std::vector<char> buffer(kBufferBytes);
  uint64_t done = 0;
  while (done < bytes) {
    const size_t wanted =
        static_cast<size_t>(std::min<uint64_t>(bytes - done, kBufferBytes));
    const ssize_t got = read(descriptor, buffer.data(), wanted);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -errno;
    if (got == 0)
      break;
    const int error =
        WriteBytes(descriptor_, buffer.data(), static_cast<size_t>(got));
    if (error != 0)
      return error;
    done += static_cast<uint64_t>(got);
  }
  return static_cast<int64_t>(done);
}

int MemoryFile::Drain(int descriptor, uint64_t bytes) const {
  std::vector<char> buffer(kBufferBytes);
  uint64_t done = 0;
  while (done < bytes) {
    const size_t wanted =
        static_cast<size_t>(std::min<uint64_t>(bytes - done, kBufferBytes));
    const ssize_t got =
        pread(descriptor_, buffer.data(), wanted, static_cast<off_t>(done));
    if (got <= 0)
      return got < 0 ? -errno : -EIO;
    const int error =
        WriteBytes(descriptor, buffer.data(), static_cast<size_t>(got));
    if (error != 0)
      return error;
    done += static_cast<uint64_t>(got);
  }
  return 0;
}

}  // namespace instar::cmd
