#include "vmm/empty_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "vmm/transfer.h"

namespace instar::vmm {

bool EmptyFile(int fd, const std::string& path) {
  if (FileLength(fd) == 0) {
    return true;
  }
  if (ftruncate(fd, 0) != 0) {
    return false;
  }
  const int other =
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (other >= 0) {
    close(other);
  }
  return true;
}

}  // namespace instar::vmm
