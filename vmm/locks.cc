// qemu, docs/interop and file-posix: byte 100 + i says "I use permission i",
// byte 200 + i "I do not share permission i". After taking its own, a process
// tests the opposite byte of each.
#include "vmm/locks.h"

#include <fcntl.h>

#include <cerrno>

#include "proto/abi.h"

namespace instar::vmm {
namespace {

constexpr off_t kUsedBase = 100;
constexpr off_t kUnsharedBase = 200;

struct Permission {
  uint32_t used;      // abi::ClaimFlag, 0: we never use it
  uint32_t unshared;  // likewise
  off_t index;
  const char* name;  // in qemu's messages
};

constexpr Permission kPermissions[] = {
    {abi::kClaimRead, 0, 0, "consistent read"},
    {abi::kClaimWrite, abi::kClaimUnshareWrite, 1, "write"},
    {abi::kClaimResize, abi::kClaimUnshareResize, 3, "resize"},
};

int SetLock(int fd, int command, short type, off_t byte) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  int result = 0;
  do {
    result = fcntl(fd, command, &lock);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    return -errno;
  }
  return command == F_OFD_GETLK && lock.l_type != F_UNLCK ? -EAGAIN : 0;
}

int Lock(int fd, uint32_t flags) {
  for (const off_t base : {kUsedBase, kUnsharedBase}) {
    for (const Permission& p : kPermissions) {
      const uint32_t flag = base == kUsedBase ? p.used : p.unshared;
      if ((flags & flag) == 0) {
        continue;
      }
      const int result = SetLock(fd, F_OFD_SETLK, F_RDLCK, base + p.index);
      if (result != 0) {
        return result;
      }
    }
  }
  return 0;
}

int Test(int fd, uint32_t flags, FileError* error) {
  for (const off_t base : {kUnsharedBase, kUsedBase}) {
    for (const Permission& p : kPermissions) {
      // Others must share what we use, and not use what we do not share.
      const uint32_t flag = base == kUnsharedBase ? p.used : p.unshared;
      if ((flags & flag) == 0) {
        continue;
      }
      if (SetLock(fd, F_OFD_GETLK, F_WRLCK, base + p.index) == -EAGAIN) {
        error->error = EAGAIN;
        error->lock = p.name;
        error->lock_is_shared = base == kUsedBase;
        return -EAGAIN;
      }
    }
  }
  return 0;
}

}  // namespace

int TakeLocks(int fd, uint32_t wanted, uint32_t held, FileError* error) {
  const uint32_t fresh = wanted & ~held;
  const int locked = Lock(fd, fresh);
  if (locked == -EINVAL || locked == -ENOSYS || locked == -ENOLCK ||
      locked == -EOPNOTSUPP) {
    return 0;
  }
  int result = locked;
  if (result == 0) {
    result = Test(fd, fresh, error);
  } else {
    error->error = -result;
  }
  if (result != 0) {
    DropLocks(fd, fresh);
  }
  return result;
}

void DropLocks(int fd, uint32_t flags) {
  for (const Permission& p : kPermissions) {
    if ((flags & p.used) != 0) {
      SetLock(fd, F_OFD_SETLK, F_UNLCK, kUsedBase + p.index);
    }
    if ((flags & p.unshared) != 0) {
      SetLock(fd, F_OFD_SETLK, F_UNLCK, kUnsharedBase + p.index);
    }
  }
}

uint32_t CreationLocks() {
  return abi::kClaimWrite | abi::kClaimResize | abi::kClaimUnshareResize;
}

}  // namespace instar::vmm
