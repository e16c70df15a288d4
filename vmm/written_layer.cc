#include "vmm/written_layer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>

#include "gen/guest.pb.h"
#include "vmm/locks.h"
#include "vmm/policy.h"

namespace instar::vmm {
namespace {

// Empty: there is no such file.
std::string RealPath(const std::string& path) {
  char buffer[PATH_MAX];
  return realpath(LiteralPath(path).c_str(), buffer) == nullptr ? "" : buffer;
}

class Reopening {
 public:
  Reopening(Files& files, uint32_t slot, const Outputs& outputs,
            const Policy& policy, FileError& error)
      : files_(files),
        slot_(slot),
        layer_(*files.entry(slot)),
        outputs_(outputs),
        policy_(policy),
        error_(error) {}

  int64_t Run() {
    error_ = {};
    error_.path = layer_.path;
    error_.origin = layer_.origin;
    int result = Check();
    if (result == 0)
      result = Reopen();
    error_.error = -result;
    return result < 0 ? result : int64_t{slot_};
  }

 private:
  const Files::Entry& Overlay() const { return *files_.entry(layer_.parent); }

  // 0, or -errno: this file is not the one.
  int Check() const {
    if (!outputs_.commits || layer_.parent == kNoParent || layer_.writable)
      return -EPERM;
    if (layer_.origin.role == proto::ROLE_DATA_FILE)
      return Overlay().writable ? 0 : -EPERM;
    if (layer_.origin.role != proto::ROLE_BACKING || HasWrittenLayer())
      return -EPERM;
    const bool is_meant =
        outputs_.base ? IsNamed() : Overlay().origin.role == proto::ROLE_TARGET;
    return is_meant ? 0 : -ENOENT;
  }

  bool HasWrittenLayer() const {
    for (uint32_t slot = 0; slot < files_.size(); ++slot) {
      const Files::Entry& entry = *files_.entry(slot);
      if (entry.origin.role == proto::ROLE_BACKING && entry.writable)
        return true;
    }
    return false;
  }

  // The user's name for it is relative to the image above it, as in an image.
  bool IsNamed() const {
    const std::string& base = *outputs_.base;
    if (base.empty())
      return false;
    if (base == layer_.path)
      return true;
    const std::string path = RealPath(ResolveReference(Overlay().path, base));
    return !path.empty() && path == RealPath(layer_.path);
  }

  int OpenAgain() const {
    constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    const std::string path = LiteralPath(layer_.path);
    if (!policy_.strict) {
      const int fd = open(path.c_str(), kFlags);
      return fd < 0 ? -errno : fd;
    }
    std::vector<std::string> directories = policy_.allowed;
    if (outputs_.base)
      directories.emplace_back(DirectoryOf(LiteralPath(outputs_.target)));
    const int fd = OpenBeneath(directories, path, kFlags);
    // A name beside the image does not show what it lies beneath.
    return fd == -EACCES ? OpenBeneath(directories, RealPath(path), kFlags)
                         : fd;
  }

  int Reopen() {
    const int fd = OpenAgain();
    if (fd < 0)
      return fd;
    struct stat status;
    const bool is_same = fstat(fd, &status) == 0 &&
                         status.st_dev == layer_.device &&
                         status.st_ino == layer_.inode;
    const int locked =
        is_same ? TakeLocks(fd, layer_.claimed, 0, &error_) : -ESTALE;
    if (locked != 0) {
      close(fd);
      return locked;
    }
    if (!layer_.regular)
      fcntl(fd, F_SETFL, O_RDWR);
    DropLocks(layer_.fd, layer_.claimed);
    layer_.read_only_fd = layer_.fd;
    layer_.fd = fd;
    layer_.writable = true;
    layer_.ignore_flush = outputs_.cache == CacheMode::kUnsafe;
    layer_.writes_back = outputs_.writes_back;
    return 0;
  }

  Files& files_;
  const uint32_t slot_;
  Files::Entry& layer_;
  const Outputs& outputs_;
  const Policy& policy_;
  FileError& error_;
};

}  // namespace

int64_t MakeLayerWritable(Files& files, uint32_t slot, const Outputs& outputs,
                          const Policy& policy, FileError& error) {
  return Reopening(files, slot, outputs, policy, error).Run();
}

}  // namespace instar::vmm
