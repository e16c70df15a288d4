// An open file of the table.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "vmm/files.h"

namespace instar::vmm {

inline constexpr uint32_t kNoParent = UINT32_MAX;

// Everything but `created` and `claimed` is constant once the slot exists, so
// workers read it without a lock; a layer that `commit` writes
// (written_layer.h) changes once, by a request that its guest waits for.
struct Files::Entry {
  std::string path;
  int fd = -1;
  // What `fd` was before the file was opened again to be written; requests that
  // began then may still use it.
  int read_only_fd = -1;
  // O_DIRECT only: the same file through the page cache, for the parts of a
  // transfer that are not aligned.
  int buffered_fd = -1;
  dev_t device = 0;
  ino_t inode = 0;
  uint32_t parent = kNoParent;  // slot of the image that named it
  Origin origin = {};
  uint32_t alignment = 1;  // bytes; more than 1 with O_DIRECT
  bool writable = false;
  bool block_device = false;
  bool regular = false;
  bool reads_zero = false;    // see abi::kSlotReadsZero
  bool ignore_flush = false;  // cache mode unsafe
  bool writes_back = false;   // see Outputs
  bool created = false;       // by this command, as one of its outputs
  uint32_t claimed = 0;       // abi::ClaimFlag
};

}  // namespace instar::vmm
