#include "vmm/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>

#include "gen/guest.pb.h"
#include "vmm/empty_file.h"
#include "vmm/file_attributes.h"
#include "vmm/locks.h"
#include "vmm/open_file.h"
#include "vmm/policy.h"
#include "vmm/transfer.h"
#include "vmm/written_layer.h"

namespace instar::vmm {
namespace {

constexpr mode_t kCreateMode = 0644;

// The locks of a file for a part of an image that is written, as qemu-img's.
constexpr uint32_t kExtentClaim = abi::kClaimRead | abi::kClaimWrite |
                                  abi::kClaimResize | abi::kClaimUnshareWrite |
                                  abi::kClaimUnshareResize;

int CacheFlags(CacheMode cache) {
  switch (cache) {
    case CacheMode::kNone:
      return O_DIRECT;
    case CacheMode::kWritethrough:
      return O_DSYNC;
    case CacheMode::kDirectsync:
      return O_DIRECT | O_DSYNC;
    case CacheMode::kWriteback:
    case CacheMode::kUnsafe:
      break;
  }
  return 0;
}

bool IsBlockDevice(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
}

// Whether `path` itself, not what a link points at, is the open file.
bool NamesRegularFile(const std::string& path, const Files::Entry& entry) {
  struct stat status;
  return lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         status.st_dev == entry.device && status.st_ino == entry.inode;
}

}  // namespace

struct Files::State {
  Policy policy;
  Outputs outputs;
  // A slot is filled before `size` admits it, and then never changes.
  std::array<std::unique_ptr<Entry>, abi::kMaxSlots> entries;
  std::atomic<uint32_t> size = 0;
  FileError error;
  Origin opening;  // of the file that is being opened

  int64_t Fail(int error_number, const std::string& path) {
    error = {};
    error.error = error_number;
    error.path = path;
    error.origin = opening;
    return -error_number;
  }
  int64_t Adopt(int fd, const std::string& path, int flags, CacheMode cache,
                uint32_t parent);
  int64_t Open(const std::string& path, int flags, CacheMode cache,
               uint32_t parent);
  int64_t Create(const std::string& path, CacheMode cache);
  int64_t OpenOutput(int role);
  int64_t OpenDataFile(const std::string& path);
  int64_t OpenForWriting(const std::string& path, const std::string& literal,
                         const std::vector<std::string>& directories);
  int64_t OpenOutputExtent(const std::string& name);
  int64_t OpenNamed(uint32_t from, int role, const std::string& name);
  int64_t LayerOf(uint32_t slot);
  bool InChain(uint32_t slot, const Entry& entry) const;
  int OpenBeneathRoots(uint32_t from, const std::string& path, int flags);
};

// Makes a slot of an open descriptor, which it owns from now on.
int64_t Files::State::Adopt(int fd, const std::string& path, int flags,
                            CacheMode cache, uint32_t parent) {
  auto entry = std::make_unique<Entry>();
  struct stat status;
  if (fstat(fd, &status) != 0) {
    const int error_number = errno;
    close(fd);
    return Fail(error_number, path);
  }
  entry->regular = S_ISREG(status.st_mode);
  entry->block_device = S_ISBLK(status.st_mode);
  if (!entry->regular && !entry->block_device && !S_ISCHR(status.st_mode)) {
    close(fd);
    Fail(EINVAL, path);
    error.not_regular = true;
    return -EINVAL;
  }
  const uint32_t slot = size.load();
  if (slot == abi::kMaxSlots) {
    close(fd);
    return Fail(EMFILE, path);
  }
  if (!entry->regular) {
    fcntl(fd, F_SETFL, flags & ~(O_CREAT | O_NONBLOCK));
  }
  entry->path = path;
  entry->fd = fd;
  entry->device = status.st_dev;
  entry->inode = status.st_ino;
  entry->parent = parent;
  entry->origin = opening;
  entry->writable = (flags & O_ACCMODE) == O_RDWR;
  entry->ignore_flush = cache == CacheMode::kUnsafe;
  entry->writes_back = entry->writable && outputs.writes_back;
  if ((flags & O_DIRECT) != 0) {
    entry->alignment = ProbeAlignment(fd);
    entry->buffered_fd =
        open(LiteralPath(path).c_str(),
             (flags & ~(O_DIRECT | O_CREAT)) | O_CLOEXEC | O_NONBLOCK);
    struct stat again;
    if (entry->buffered_fd >= 0 &&
        (fstat(entry->buffered_fd, &again) != 0 ||
         again.st_dev != status.st_dev || again.st_ino != status.st_ino)) {
      close(entry->buffered_fd);
      entry->buffered_fd = -1;
    }
  }
  entries[slot] = std::move(entry);
  size.store(slot + 1);
  return slot;
}

int64_t Files::State::Open(const std::string& path, int flags, CacheMode cache,
                           uint32_t parent) {
  flags |= CacheFlags(cache);
  // Without O_NONBLOCK a FIFO would hold us until somebody writes to it.
  const int fd = open(LiteralPath(path).c_str(),
                      flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, kCreateMode);
  return fd < 0 ? Fail(errno, path) : Adopt(fd, path, flags, cache, parent);
}

// An empty file, or a device as it is. Neither while others use it.
int64_t Files::State::Create(const std::string& path, CacheMode cache) {
  const int64_t slot = Open(path, O_RDWR | O_CREAT, cache, kNoParent);
  if (slot < 0) {
    error.is_device = IsBlockDevice(LiteralPath(path));
    return slot;
  }
  Entry& entry = *entries[static_cast<size_t>(slot)];
  if (!entry.regular && !entry.block_device) {
    return slot;
  }
  const auto drop = [this, slot](int error_number) {
    size.store(static_cast<uint32_t>(slot));
    close(entries[static_cast<size_t>(slot)]->fd);
    entries[static_cast<size_t>(slot)].reset();
    return int64_t{-error_number};
  };
  Fail(0, path);
  if (TakeLocks(entry.fd, CreationLocks(), 0, &error) != 0) {
    error.is_device = entry.block_device;
    return drop(error.error);
  }
  if (entry.block_device) {
    DropLocks(entry.fd, CreationLocks());
    return slot;
  }
  if (!EmptyFile(entry.fd, LiteralPath(path))) {
    return drop(static_cast<int>(-Fail(errno, path)));
  }
  if (outputs.nocow) {
    TurnOffCopyOnWrite(entry.fd);
  }
  const int hint_error = SetExtentSizeHint(entry.fd, outputs.extent_size_hint);
  if (hint_error != 0 && outputs.on_hint_failure) {
    outputs.on_hint_failure(hint_error);
  }
  DropLocks(entry.fd, CreationLocks());
  entry.created = true;
  entry.reads_zero = true;
  return slot;
}

int64_t Files::State::OpenOutput(int role) {
  if (role == proto::ROLE_TARGET_BACKING) {
    const int64_t slot =
        outputs.backing.empty()
            ? Fail(ENOENT, "")
            : Open(outputs.backing, O_RDONLY, outputs.backing_cache, kNoParent);
    return slot >= 0 && outputs.shares_layers
               ? LayerOf(static_cast<uint32_t>(slot))
               : slot;
  }
  const bool data = role == proto::ROLE_TARGET_DATA;
  const std::string& path = data ? outputs.data_file : outputs.target;
  if (path.empty()) {
    return Fail(ENOENT, "");
  }
  if (outputs.create) {
    return Create(path, outputs.cache);
  }
  // A second guest of the command goes on with the file of the first.
  for (uint32_t slot = 0; slot < size.load(); ++slot) {
    if (entries[slot]->origin.role == role) {
      return slot;
    }
  }
  if (data) {
    return OpenDataFile(path);
  }
  return outputs.target_is_reference
             ? OpenForWriting(path, LiteralPath(path), policy.allowed)
             : Open(path, O_RDWR, outputs.cache, kNoParent);
}

// The data file of a target that exists: a literal name.
int64_t Files::State::OpenDataFile(const std::string& path) {
  std::vector<std::string> directories = policy.allowed;
  directories.emplace_back(DirectoryOf(LiteralPath(outputs.target)));
  return OpenForWriting(path, path, directories);
}

// What an image names: under the strict policy beneath one of `directories`.
// `path`: as messages show it.
int64_t Files::State::OpenForWriting(
    const std::string& path, const std::string& literal,
    const std::vector<std::string>& directories) {
  const int flags =
      O_RDWR | CacheFlags(outputs.cache) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const int fd = policy.strict ? OpenBeneath(directories, literal, flags)
                               : open(literal.c_str(), flags);
  if (fd < 0) {
    return Fail(policy.strict ? -fd : errno, path);
  }
  return Adopt(fd, path, flags, outputs.cache, kNoParent);
}

// A file for a part of the target. The second time it is there already.
int64_t Files::State::OpenOutputExtent(const std::string& name) {
  const std::string image = LiteralPath(outputs.target);
  const std::string path = std::string(DirectoryOf(image)) + name;
  if (!outputs.has_extents || image.empty() || !IsExtentName(image, name)) {
    Fail(EACCES, path);
    error.foreign_extent = true;
    return -EACCES;
  }
  for (uint32_t slot = 0; slot < size.load(); ++slot) {
    const Entry& entry = *entries[slot];
    if (entry.origin.role == proto::ROLE_TARGET_EXTENT && entry.path == path) {
      return slot;
    }
  }
  return outputs.create ? Create(path, outputs.cache)
                        : Open(path, O_RDWR, outputs.cache, kNoParent);
}

// The slot of a backing file that is the file in `slot`, the last one, too;
// else that slot.
int64_t Files::State::LayerOf(uint32_t slot) {
  for (uint32_t at = 0; at < slot; ++at) {
    if (entries[at]->origin.role == proto::ROLE_BACKING &&
        IsSameFile(*entries[at], *entries[slot])) {
      size.store(slot);
      close(entries[slot]->fd);
      entries[slot].reset();
      return at;
    }
  }
  return slot;
}

bool Files::State::InChain(uint32_t slot, const Entry& entry) const {
  for (uint32_t at = slot; at != kNoParent; at = entries[at]->parent) {
    if (IsSameFile(*entries[at], entry)) {
      return true;
    }
  }
  return false;
}

// Strict policy: beneath the directory of the image that the user named, at
// the root of the chain, or beneath an allowed one.
int Files::State::OpenBeneathRoots(uint32_t from, const std::string& path,
                                   int flags) {
  uint32_t root = from;
  while (entries[root]->parent != kNoParent) {
    root = entries[root]->parent;
  }
  std::vector<std::string> directories = {
      std::string(DirectoryOf(LiteralPath(entries[root]->path)))};
  directories.insert(directories.end(), policy.allowed.begin(),
                     policy.allowed.end());
  return OpenBeneath(directories, path, flags);
}

// Whatever an image names is opened for reading only.
int64_t Files::State::OpenNamed(uint32_t from, int role,
                                const std::string& name) {
  const Entry& image = *entries[from];
  std::string path;
  std::string literal;
  if (role == proto::ROLE_DATA_FILE) {
    // Never a protocol: taken as a local name, whatever it looks like.
    path = literal = name;
  } else if (role == proto::ROLE_EXTENT) {
    // Nor here; but the name is relative to the image.
    path = literal = ResolveExtent(LiteralPath(image.path), name);
  } else {
    path = ResolveReference(image.path, name);
    if (HasProtocol(path) && !HasFilePrefix(path)) {
      return Fail(EPROTONOSUPPORT, path);
    }
    literal = LiteralPath(path);
  }
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  int fd = 0;
  if (policy.strict) {
    fd = OpenBeneathRoots(from, literal, flags);
  } else {
    fd = open(literal.c_str(), flags);
    fd = fd < 0 ? -errno : fd;
  }
  if (fd < 0) {
    return Fail(-fd, path);
  }
  const int64_t slot = Adopt(fd, path, O_RDONLY, CacheMode::kWriteback, from);
  if (slot < 0) {
    return slot;
  }
  const auto index = static_cast<uint32_t>(slot);
  // An extent is read as bytes: one that is the image itself makes no loop.
  if (role != proto::ROLE_EXTENT && InChain(from, *entries[index])) {
    size.store(index);
    close(entries[index]->fd);
    entries[index].reset();
    return Fail(ELOOP, path);
  }
  return slot;
}

Files::Files(Policy policy, Outputs outputs)
    : state_(new State{.policy = std::move(policy),
                       .outputs = std::move(outputs),
                       .entries = {},
                       .error = {},
                       .opening = {}}) {}

Files::~Files() {
  for (uint32_t i = 0; i < size(); ++i) {
    const Entry& entry = *state_->entries[i];
    close(entry.fd);
    for (const int fd : {entry.buffered_fd, entry.read_only_fd}) {
      if (fd >= 0) {
        close(fd);
      }
    }
  }
  delete state_;
}

std::optional<uint32_t> Files::OpenSource(const std::string& path,
                                          CacheMode cache) {
  state_->opening = {};
  if (HasProtocol(path) && !HasFilePrefix(path)) {
    state_->Fail(EPROTONOSUPPORT, path);
    return std::nullopt;
  }
  const int64_t slot = state_->Open(path, O_RDONLY, cache, kNoParent);
  if (slot < 0) {
    return std::nullopt;
  }
  return static_cast<uint32_t>(slot);
}

bool Files::strict() const {
  return state_->policy.strict;
}

uint32_t Files::size() const {
  return state_->size.load();
}

const std::string& Files::path(uint32_t slot) const {
  static const std::string none;
  return slot < size() ? state_->entries[slot]->path : none;
}

Origin Files::origin(uint32_t slot) const {
  return state_->entries[slot]->origin;
}

abi::SlotInfo Files::info(uint32_t slot) const {
  abi::SlotInfo info = {};
  struct stat status;
  if (slot >= size() || fstat(state_->entries[slot]->fd, &status) != 0) {
    return info;
  }
  const Entry& entry = *state_->entries[slot];
  info.size_bytes = entry.regular ? static_cast<uint64_t>(status.st_size)
                                  : FileLength(entry.fd);
  info.allocated_bytes = static_cast<uint64_t>(status.st_blocks) * 512;
  info.flags = abi::kSlotPresent | (entry.writable ? abi::kSlotWritable : 0U) |
               (entry.block_device ? abi::kSlotBlockDevice : 0U) |
               (entry.reads_zero ? abi::kSlotReadsZero : 0U);
  info.request_alignment = entry.alignment;
  return info;
}

uint32_t Files::extent_size_hint(uint32_t slot) const {
  return slot < size() ? ExtentSizeHint(state_->entries[slot]->fd) : 0;
}

const FileError& Files::error() const {
  return state_->error;
}

void Files::RemoveCreated() {
  for (uint32_t i = 0; i < size(); ++i) {
    Entry& entry = *state_->entries[i];
    const std::string path = LiteralPath(entry.path);
    if (entry.created && NamesRegularFile(path, entry)) {
      unlink(path.c_str());
    }
    entry.created = false;
  }
}

Files::Entry* Files::entry(uint32_t slot) {
  return slot < size() ? state_->entries[slot].get() : nullptr;
}

int64_t Files::OpenReference(uint32_t from, int role, std::string_view name,
                             std::string_view /*format*/) {
  state_->opening = {.from = from, .role = role};
  if (role == proto::ROLE_TARGET || role == proto::ROLE_TARGET_DATA ||
      role == proto::ROLE_TARGET_BACKING) {
    return state_->OpenOutput(role);
  }
  if (role == proto::ROLE_COMMIT_BASE) {
    return MakeLayerWritable(*this, from, state_->outputs, state_->policy,
                             state_->error);
  }
  const std::string text(name);
  if (text.empty() || text.find('\0') != std::string::npos) {
    return state_->Fail(EINVAL, text.c_str());
  }
  if (role == proto::ROLE_TARGET_EXTENT) {
    const uint32_t size_before = size();
    const int64_t slot = state_->OpenOutputExtent(text);
    const bool is_new = state_->outputs.create && size() != size_before;
    if (slot < 0 || is_new) {
      return slot;
    }
    const int claimed = Claim(static_cast<uint32_t>(slot), kExtentClaim);
    return claimed == 0 ? slot : claimed;
  }
  return state_->OpenNamed(from, role, text);
}

int Files::Claim(uint32_t slot, uint32_t claim_flags) {
  Entry& entry = *state_->entries[slot];
  uint32_t wanted = claim_flags;
  if (state_->policy.force_share) {
    wanted &= ~uint32_t{abi::kClaimUnshareWrite | abi::kClaimUnshareResize};
  }
  state_->opening = entry.origin;
  state_->Fail(0, entry.path);
  const int result = TakeLocks(entry.fd, wanted, entry.claimed, &state_->error);
  if (result == 0) {
    entry.claimed |= wanted;
  }
  return result;
}

}  // namespace instar::vmm
