#include "vmm/io.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>

#include "vmm/open_file.h"
#include "vmm/transfer.h"

namespace instar::vmm {
namespace {

// Less, such as metadata, may be written again soon.
constexpr uint64_t kWritebackBytes = 256 << 10;

// Two of them stay in a processor's cache.
constexpr uint64_t kBounceBytes = 256 << 10;

off_t Signed(uint64_t offset) {
  return static_cast<off_t>(offset);
}

// 0 or -errno; EINTR is retried.
int Fallocate(int fd, int mode, uint64_t offset, uint64_t length) {
  int result = 0;
  do {
    result = fallocate(fd, mode, Signed(offset), Signed(length));
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : -errno;
}

bool Unsupported(int64_t error) {
  return error == -EOPNOTSUPP || error == -ENOSYS || error == -EINVAL ||
         error == -EPERM || error == -ENODEV || error == -ENOTTY;
}

int64_t PunchHole(const Files::Entry& file, uint64_t offset, uint64_t length,
                  uint64_t size) {
  const uint64_t end = offset + length;
  if (offset < size) {
    const int error =
        Fallocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                  std::min(end, size) - offset);
    if (error != 0) {
      return error;
    }
  }
  if (end > size && ftruncate(file.fd, Signed(end)) != 0) {
    return -errno;
  }
  return 0;
}

int64_t Zero(const Files::Entry& file, uint64_t offset, uint64_t length,
             bool may_unmap) {
  if (length == 0) {
    return 0;
  }
  const uint64_t size = FileLength(file.fd);
  int64_t result = -EOPNOTSUPP;
  if (may_unmap) {
    result = PunchHole(file, offset, length, size);
  }
  if (Unsupported(result)) {
    result = Fallocate(file.fd, FALLOC_FL_ZERO_RANGE, offset, length);
  }
  if (Unsupported(result) && file.regular && offset >= size) {
    result = Fallocate(file.fd, 0, offset, length);
  }
  if (Unsupported(result)) {
    result = WriteZeroes(file, offset, length);
  }
  return result == 0 ? PadToBlock(file, offset + length) : result;
}

// Space without bytes: what cannot give it only grows the file.
int64_t Reserve(const Files::Entry& file, uint64_t offset, uint64_t length) {
  if (length == 0 || !file.regular) {
    return 0;
  }
  const int error = Fallocate(file.fd, 0, offset, length);
  if (!Unsupported(error)) {
    return error;
  }
  const uint64_t end = offset + length;
  const bool grows = end > FileLength(file.fd);
  return grows && ftruncate(file.fd, Signed(end)) != 0 ? -errno : 0;
}

int64_t Discard(const Files::Entry& file, uint64_t offset, uint64_t length) {
  const uint64_t size = FileLength(file.fd);
  if (length == 0 || offset >= size) {
    return 0;
  }
  const uint64_t inside = std::min(length, size - offset);
  const int64_t result = PunchHole(file, offset, inside, size);
  return Unsupported(result) ? 0 : result;
}

// Grows the file from `size` to `wanted` with its space allocated.
int64_t Allocate(const Files::Entry& file, uint64_t size, uint64_t wanted,
                 uint32_t flags) {
  if (flags == abi::kTruncateFalloc) {
    int error = 0;
    do {
      error = posix_fallocate(file.fd, Signed(size), Signed(wanted - size));
    } while (error == EINTR);
    return -error;
  }
  if (ftruncate(file.fd, Signed(wanted)) != 0) {
    return -errno;
  }
  const int64_t result = WriteZeroes(file, size, wanted - size);
  return result == 0 && fsync(file.fd) != 0 ? -errno : result;
}

int64_t Truncate(const Files::Entry& file, uint64_t wanted, uint32_t flags) {
  const uint64_t size = FileLength(file.fd);
  if (!file.regular) {
    return wanted <= size ? 0 : -EINVAL;
  }
  if (flags != abi::kTruncateSparse && wanted > size) {
    const int64_t result = Allocate(file, size, wanted, flags);
    if (result != 0 && ftruncate(file.fd, Signed(size)) != 0) {
      return -errno;
    }
    return result;
  }
  return ftruncate(file.fd, Signed(wanted)) == 0 ? 0 : -errno;
}

// The run at `offset`, which is before `end`: its end and whether it is data.
// As qemu reads the answers of lseek: ENXIO is a hole to the end, any other
// failure means that everything is data.
abi::HostExtent RunAt(const Files::Entry& file, uint64_t offset, uint64_t end) {
  abi::HostExtent run = {offset, end - offset, abi::kHostExtentData, 0};
  const off_t data = lseek(file.fd, Signed(offset), SEEK_DATA);
  if (data < 0) {
    run.flags = errno == ENXIO ? 0 : run.flags;
    return run;
  }
  if (static_cast<uint64_t>(data) > offset) {
    run.flags = 0;
    run.length = std::min(static_cast<uint64_t>(data), end) - offset;
    return run;
  }
  const off_t hole = lseek(file.fd, Signed(offset), SEEK_HOLE);
  if (hole > Signed(offset)) {
    const uint64_t mask = file.alignment - 1;
    const uint64_t rounded = (static_cast<uint64_t>(hole) + mask) & ~mask;
    run.length = std::min(rounded, end) - offset;
  }
  return run;
}

int64_t Extents(const Files::Entry& file, const abi::Request& request,
                std::span<uint8_t> out) {
  const uint64_t size = FileLength(file.fd);
  const uint64_t end = std::min(size, request.offset + request.length);
  uint64_t stored = 0;
  for (uint64_t at = request.offset; at < end && stored < request.slot2;
       ++stored) {
    const abi::HostExtent run = RunAt(file, at, end);
    std::memcpy(out.data() + stored * sizeof run, &run, sizeof run);
    at += run.length;
  }
  return static_cast<int64_t>(stored);
}

// Page-aligned bytes for O_DIRECT.
struct Unmap {
  void operator()(uint8_t* bytes) const { munmap(bytes, 2 * kBounceBytes); }
};

// Of this thread, until it ends. Null: there is no memory.
uint8_t* BounceOfThread() {
  thread_local std::unique_ptr<uint8_t, Unmap> bounce;
  if (bounce == nullptr) {
    void* bytes = mmap(nullptr, 2 * kBounceBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bounce.reset(bytes == MAP_FAILED ? nullptr : static_cast<uint8_t*>(bytes));
  }
  return bounce.get();
}

int64_t CopyThroughMemory(const Files::Entry& from, const Files::Entry& to,
                          const abi::Request& request, uint64_t done) {
  uint8_t* bounce = BounceOfThread();
  if (bounce == nullptr) {
    return -ENOMEM;
  }
  while (done < request.length) {
    const uint64_t n = std::min(kBounceBytes, request.length - done);
    const int64_t got = ReadFile(from, request.offset + done, {bounce, n});
    if (got <= 0) {
      return got < 0 ? got : static_cast<int64_t>(done);
    }
    const int64_t put = WriteFile(to, request.offset2 + done,
                                  {bounce, static_cast<uint64_t>(got)});
    if (put < 0) {
      return put;
    }
    done += static_cast<uint64_t>(got);
  }
  return static_cast<int64_t>(done);
}

int64_t Copy(const Files::Entry& from, const Files::Entry& to,
             const abi::Request& request) {
  uint64_t done = 0;
  while (done < request.length) {
    off64_t in = Signed(request.offset + done);
    off64_t out = Signed(request.offset2 + done);
    const ssize_t n =
        copy_file_range(from.fd, &in, to.fd, &out, request.length - done, 0);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    // 0 may also be a file system that cannot tell; reading settles it.
    if (n <= 0) {
      return CopyThroughMemory(from, to, request, done);
    }
    done += static_cast<uint64_t>(n);
  }
  return static_cast<int64_t>(done);
}

// Fills `out`; bytes past the end of the file are zeroes.
int64_t ReadPadded(const Files::Entry& file, uint64_t offset,
                   std::span<uint8_t> out) {
  const int64_t got = ReadFile(file, offset, out);
  if (got >= 0) {
    const uint64_t from = static_cast<uint64_t>(got);
    std::memset(out.data() + from, 0, out.size() - from);
  }
  return got;
}

int64_t Compare(const Files::Entry& a, const Files::Entry& b,
                const abi::Request& request) {
  uint8_t* bounce = BounceOfThread();
  if (bounce == nullptr) {
    return -ENOMEM;
  }
  uint8_t* left = bounce;
  uint8_t* right = left + kBounceBytes;
  for (uint64_t done = 0; done < request.length;) {
    const uint64_t n = std::min(kBounceBytes, request.length - done);
    const int64_t got_left = ReadPadded(a, request.offset + done, {left, n});
    const int64_t got_right = ReadPadded(b, request.offset2 + done, {right, n});
    if (got_left < 0 || got_right < 0) {
      return std::min(got_left, got_right);
    }
    if (std::memcmp(left, right, n) != 0) {
      const auto* different = std::mismatch(left, left + n, right).first;
      return static_cast<int64_t>(done) + (different - left);
    }
    // Past both ends everything is equal.
    if (got_left == 0 && got_right == 0) {
      break;
    }
    done += n;
  }
  return static_cast<int64_t>(request.length);
}

// Lets the kernel begin to write to the disk; that it is there, and whether it
// failed, only a flush tells.
void BeginWriteback(const Files::Entry& file, uint64_t offset,
                    uint64_t length) {
  if (file.writes_back && file.alignment == 1 && !file.ignore_flush &&
      length >= kWritebackBytes) {
    sync_file_range(file.fd, Signed(offset), Signed(length),
                    SYNC_FILE_RANGE_WRITE);
  }
}

int64_t Write(const Files::Entry& file, const abi::Request& request,
              std::span<const uint8_t> bytes) {
  const int64_t result = WriteFile(file, request.offset, bytes);
  BeginWriteback(file, request.offset, bytes.size());
  if (result < 0 || (request.flags & abi::kWriteExact) != 0) {
    return result;
  }
  const int error = PadToBlock(file, request.offset + bytes.size());
  return error != 0 ? error : result;
}

int64_t Flush(const Files::Entry& file) {
  if (file.ignore_flush || !file.writable) {
    return 0;
  }
  // A character device has nothing to flush.
  return fdatasync(file.fd) == 0 || errno == EINVAL ? 0 : -errno;
}

}  // namespace

bool HoldsFile(const abi::Request& request, Files& files) {
  const bool writes = request.call == abi::Call::kWrite ||
                      request.call == abi::Call::kZero ||
                      request.call == abi::Call::kDiscard ||
                      request.call == abi::Call::kReserve;
  // Direct writes of one file run side by side.
  return writes && files.entry(request.slot)->alignment == 1;
}

int64_t ExecuteFileCall(const abi::Request& request, Files& files,
                        const GuestMemory& memory) {
  const Files::Entry& file = *files.entry(request.slot);
  switch (request.call) {
    case abi::Call::kRead:
      return ReadFile(file, request.offset,
                      *memory.Writable(request.buffer, request.length));
    case abi::Call::kWrite:
      return Write(file, request,
                   *memory.Readable(request.buffer, request.length));
    case abi::Call::kZero:
      return Zero(file, request.offset, request.length,
                  (request.flags & abi::kZeroMayUnmap) != 0);
    case abi::Call::kReserve:
      return Reserve(file, request.offset, request.length);
    case abi::Call::kDiscard:
      return Discard(file, request.offset, request.length);
    case abi::Call::kCopy:
      return Copy(file, *files.entry(request.slot2), request);
    case abi::Call::kCompare:
      return Compare(file, *files.entry(request.slot2), request);
    case abi::Call::kTruncate:
      return Truncate(file, request.offset, request.flags);
    case abi::Call::kFlush:
      return Flush(file);
    case abi::Call::kExtents:
      return Extents(
          file, request,
          *memory.Writable(request.buffer,
                           uint64_t{request.slot2} * sizeof(abi::HostExtent)));
    case abi::Call::kOpenReference:
    case abi::Call::kMessage:
    case abi::Call::kProgress:
    case abi::Call::kDone:
    case abi::Call::kWake:
    case abi::Call::kStart:
    case abi::Call::kClaim:
    case abi::Call::kSlotInfo:
      break;
  }
  return -ENOSYS;
}

}  // namespace instar::vmm
