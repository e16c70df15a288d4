#include "vmm/transfer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "vmm/open_file.h"

namespace instar::vmm {
namespace {

constexpr uint64_t kZeroChunk = 1 << 20;
alignas(4096) uint8_t zeroes[kZeroChunk];

int64_t ReadAll(int fd, uint64_t offset, std::span<uint8_t> out) {
  uint64_t done = 0;
  while (done < out.size()) {
    const ssize_t n = pread(fd, out.data() + done, out.size() - done,
                            static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return -errno;
    }
    if (n == 0) {
      break;
    }
    done += static_cast<uint64_t>(n);
  }
  return static_cast<int64_t>(done);
}

int64_t WriteAll(int fd, uint64_t offset, std::span<const uint8_t> bytes) {
  uint64_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = pwrite(fd, bytes.data() + done, bytes.size() - done,
                             static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return n == 0 ? -EIO : -errno;
    }
    done += static_cast<uint64_t>(n);
  }
  return static_cast<int64_t>(done);
}

// The descriptor for one transfer: the page cache takes what O_DIRECT would
// refuse. The kernel keeps the two coherent.
int DescriptorFor(const Files::Entry& file, uint64_t offset,
                  const uint8_t* memory, uint64_t length) {
  const uint64_t all = offset | length | reinterpret_cast<uint64_t>(memory);
  return all % file.alignment == 0 || file.buffered_fd < 0 ? file.fd
                                                           : file.buffered_fd;
}

}  // namespace

int64_t ReadFile(const Files::Entry& file, uint64_t offset,
                 std::span<uint8_t> out) {
  const int fd = DescriptorFor(file, offset, out.data(), out.size());
  const int64_t result = ReadAll(fd, offset, out);
  return result == -EINVAL && file.buffered_fd >= 0
             ? ReadAll(file.buffered_fd, offset, out)
             : result;
}

int64_t WriteFile(const Files::Entry& file, uint64_t offset,
                  std::span<const uint8_t> bytes) {
  const int fd = DescriptorFor(file, offset, bytes.data(), bytes.size());
  int64_t result = WriteAll(fd, offset, bytes);
  if (result == -EINVAL && file.buffered_fd >= 0) {
    result = WriteAll(file.buffered_fd, offset, bytes);
  }
  return result;
}

int PadToBlock(const Files::Entry& file, uint64_t end) {
  const uint64_t behind = end % file.alignment;
  if (behind == 0 || !file.regular) {
    return 0;
  }
  const uint64_t padded = end - behind + file.alignment;
  const bool grows = FileLength(file.fd) < padded;
  return grows && ftruncate(file.fd, static_cast<off_t>(padded)) != 0 ? -errno
                                                                      : 0;
}

int64_t WriteZeroes(const Files::Entry& file, uint64_t offset,
                    uint64_t length) {
  for (uint64_t done = 0; done < length;) {
    const uint64_t n = std::min(kZeroChunk, length - done);
    const int64_t result = WriteFile(file, offset + done, {zeroes, n});
    if (result < 0) {
      return result;
    }
    done += n;
  }
  return 0;
}

uint64_t FileLength(int fd) {
  const off_t end = lseek(fd, 0, SEEK_END);
  return end < 0 ? 0 : static_cast<uint64_t>(end);
}

}  // namespace instar::vmm
