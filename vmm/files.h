// The host's table of files: the only place where a path meets a descriptor.
// A guest sees slot numbers; everything here was named by the user, or by an
// image and then allowed by the policy.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/abi.h"

namespace instar::vmm {

// How a file of the command line is cached: qemu-img's -t and -T.
enum class CacheMode : uint8_t {
  kWriteback,
  kNone,          // O_DIRECT
  kWritethrough,  // O_DSYNC
  kDirectsync,    // both
  kUnsafe,        // flushes are ignored
};

// Where the host heard of a file.
struct Origin {
  uint32_t from = 0;  // slot of the image that names it
  int role = -1;      // proto.Role; -1: the command line names it
};

// A path that could not be opened, created or locked.
struct FileError {
  int error = 0;               // errno; EAGAIN with `lock` set: a lock conflict
  std::string path;            // as it was opened
  const char* lock = nullptr;  // which lock failed: "write", "resize", …
  // The lock is the "shared" one: another process holds the permission. Else
  // another process does not share it.
  bool lock_is_shared = false;
  // A directory, FIFO or socket where a file was expected; error is EINVAL.
  bool not_regular = false;
  // A block device that was to become an output.
  bool is_device = false;
  // An extent of an output that is not named after it; error is EACCES.
  bool foreign_extent = false;
  Origin origin = {};
};

// Which of the command's own outputs a guest's Reference asks for, and how the
// host makes them. An empty path: the command has none.
struct Outputs {
  std::string target;
  bool create = true;  // else it must exist and keeps its bytes (-n)
  // An image names it, not the user: under the strict policy it must lie
  // beneath an allowed directory. Not where it is created.
  bool target_is_reference = false;
  CacheMode cache = CacheMode::kWriteback;
  // Created too. With -n: as the target itself names it, so that under the
  // strict policy it must lie beneath the target's directory or an allowed one.
  std::string data_file;
  // Parts of the image may be in files beside the target (ROLE_TARGET_EXTENT)
  // that are named after it; made or opened as the target is.
  bool has_extents = false;
  // Backing file of the output, opened for reading when the guest asks
  // (ROLE_TARGET_BACKING). As a path to open.
  std::string backing;
  CacheMode backing_cache = CacheMode::kWriteback;
  // A backing file that is a layer below the target is opened once.
  bool shares_layers = false;
  // A layer below the target may be written (ROLE_COMMIT_BASE): the one that
  // the user calls `base`, or the one that is directly below it.
  bool commits = false;
  std::optional<std::string> base = {};
  // What is written goes to the disk at once, beside the work: in the end all
  // of it is to be durable.
  bool writes_back = false;
  // How the files are made that the command creates.
  bool nocow = false;
  uint32_t extent_size_hint = 1 << 20;  // bytes, as qemu-img's; 0: none
  // Called with the errno of a hint that could not be set. May be empty.
  std::function<void(int error)> on_hint_failure = {};
};

// What an image may make the host open (docs/threat-model.md).
struct Policy {
  // Only files beneath the directory of the image on the command line, or
  // beneath one of `allowed`. Guests refuse what OpenRules says.
  bool strict = false;
  std::vector<std::string> allowed;
  bool force_share = false;  // -U
};

class Files {
 public:
  Files(Policy policy, Outputs outputs);
  ~Files();
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  // Opens a file of the command line for reading. Returns its slot, or nothing
  // and sets error().
  std::optional<uint32_t> OpenSource(const std::string& path, CacheMode cache);

  bool strict() const;  // Policy::strict

  uint32_t size() const;  // slots are 0 .. size()-1
  // The path as messages show it: as typed, or as resolved from a reference.
  const std::string& path(uint32_t slot) const;
  // REQUIRES: slot < size().
  Origin origin(uint32_t slot) const;
  abi::SlotInfo info(uint32_t slot) const;         // as of now
  uint32_t extent_size_hint(uint32_t slot) const;  // bytes; 0: none
  const FileError& error() const;                  // of the last failure

  // Deletes the output files that this command created (a failed create).
  void RemoveCreated();

  // For vmm/ only.
  struct Entry;
  Entry* entry(uint32_t slot);
  // A guest's reference; see proto.Reference. Returns the new slot or -errno.
  int64_t OpenReference(uint32_t from, int role, std::string_view name,
                        std::string_view format);
  int Claim(uint32_t slot, uint32_t claim_flags);

 private:
  struct State;
  State* state_;
};

// The path that an extent's name stands for in an image whose file is
// `image_path`: itself where it is absolute, else beside the image.
std::string ResolveExtent(std::string_view image_path, std::string_view name);

// The path that a backing file name stands for in an image opened as
// `image_path`: itself where it is absolute or has a protocol, else beside the
// image. Unchanged text otherwise, as qemu-img shows it. (A data file's name
// stands for itself.)
std::string ResolveReference(std::string_view image_path,
                             std::string_view name);

}  // namespace instar::vmm
