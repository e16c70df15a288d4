#include "vmm/policy.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "vmm/files.h"

namespace instar::vmm {
namespace {

int OpenBeneathOne(const std::string& directory, const std::string& path,
                   int flags) {
  const std::string root = directory.empty() ? "." : directory;
  std::string rest = path;
  if (!directory.empty()) {
    std::string prefix = directory;
    if (prefix.back() != '/') {
      prefix += '/';
    }
    if (!rest.starts_with(prefix)) {
      return -EACCES;
    }
    rest.erase(0, prefix.size());
  } else if (rest.starts_with('/')) {
    return -EACCES;
  }
  const int root_fd = open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root_fd < 0) {
    return -errno;
  }
  open_how how = {};
  how.flags = static_cast<unsigned>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long fd = syscall(SYS_openat2, root_fd, rest.c_str(), &how, sizeof how);
  const int error = errno;
  close(root_fd);
  if (fd >= 0) {
    return static_cast<int>(fd);
  }
  // EXDEV: it leads out. ENOSYS: a kernel that cannot keep it in.
  return error == EXDEV || error == ENOSYS ? -EACCES : -error;
}

}  // namespace

bool HasProtocol(std::string_view name) {
  const size_t at = name.find_first_of(":/");
  return at != std::string_view::npos && name[at] == ':';
}

std::string LiteralPath(const std::string& path) {
  return HasFilePrefix(path) ? path.substr(5) : path;
}

bool HasFilePrefix(std::string_view name) {
  return name.starts_with("file:");
}

std::string_view DirectoryOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view()
                                         : path.substr(0, slash + 1);
}

bool IsExtentName(std::string_view image_path, std::string_view name) {
  constexpr size_t kMinDigits = 3;
  constexpr size_t kMaxDigits = 6;
  const std::string_view base =
      image_path.substr(DirectoryOf(image_path).size());
  const std::string_view stem = base.substr(0, base.rfind('.'));
  const std::string_view extension = base.substr(stem.size());
  if (name.size() < base.size() || !name.starts_with(stem) ||
      !name.ends_with(extension)) {
    return false;
  }
  const std::string_view mark =
      name.substr(stem.size(), name.size() - base.size());
  if (mark == "-flat") {
    return true;
  }
  if (!mark.starts_with("-f") && !mark.starts_with("-s")) {
    return false;
  }
  const std::string_view digits = mark.substr(2);
  return digits.size() >= kMinDigits && digits.size() <= kMaxDigits &&
         digits.find_first_not_of("0123456789") == std::string_view::npos;
}

int OpenBeneath(const std::vector<std::string>& directories,
                const std::string& path, int flags) {
  int result = -EACCES;
  for (const std::string& directory : directories) {
    result = OpenBeneathOne(directory, path, flags);
    if (result != -EACCES) {
      break;
    }
  }
  return result;
}

std::string ResolveReference(std::string_view image_path,
                             std::string_view name) {
  if (name.starts_with('/') || HasProtocol(name)) {
    return std::string(name);
  }
  return std::string(DirectoryOf(image_path)) + std::string(name);
}

std::string ResolveExtent(std::string_view image_path, std::string_view name) {
  const std::string_view directory =
      name.starts_with('/') ? std::string_view() : DirectoryOf(image_path);
  return std::string(directory) + std::string(name);
}

}  // namespace instar::vmm
