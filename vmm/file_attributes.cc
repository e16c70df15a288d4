#include "vmm/file_attributes.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace instar::vmm {

void TurnOffCopyOnWrite(int fd) {
  int flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
    flags |= FS_NOCOW_FL;
    ioctl(fd, FS_IOC_SETFLAGS, &flags);
  }
}

int SetExtentSizeHint(int fd, uint32_t bytes) {
  fsxattr attributes = {};
  if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) != 0) {
    return errno;
  }
  attributes.fsx_xflags |= FS_XFLAG_EXTSIZE;
  attributes.fsx_extsize = bytes;
  return ioctl(fd, FS_IOC_FSSETXATTR, &attributes) == 0 ? 0 : errno;
}

uint32_t ExtentSizeHint(int fd) {
  fsxattr attributes = {};
  return ioctl(fd, FS_IOC_FSGETXATTR, &attributes) == 0 ? attributes.fsx_extsize
                                                        : 0;
}

uint32_t ProbeAlignment(int fd) {
  constexpr uint32_t kLargest = 4096;
  constexpr uint32_t kSector = 512;
  struct statx status;
  if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 &&
      (status.stx_mask & STATX_DIOALIGN) != 0 &&
      status.stx_dio_offset_align != 0) {
    return std::clamp(status.stx_dio_offset_align, kSector, kLargest);
  }
  // A file system that takes any offset does not tell what it prefers; qemu
  // then assumes the most.
  alignas(kLargest) static uint8_t buffer[kLargest];
  const bool takes_any = pread(fd, buffer, 1, 0) >= 0;
  return !takes_any && pread(fd, buffer, kSector, 0) >= 0 ? kSector : kLargest;
}

}  // namespace instar::vmm
