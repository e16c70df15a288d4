#include "vmm/file_attributes.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

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

}  // namespace instar::vmm
