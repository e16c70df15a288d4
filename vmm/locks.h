// qemu's image locks: open-file-description read locks on single bytes.
#pragma once

#include <cstdint>

#include "vmm/files.h"

namespace instar::vmm {

// Takes the locks for `wanted` (abi::ClaimFlag) beyond those for `held`, and
// looks whether others hold what conflicts. On a conflict the new ones are
// dropped again, `error` names the lock, and the result is -EAGAIN. 0 where
// the file system has no such locks.
int TakeLocks(int fd, uint32_t wanted, uint32_t held, FileError* error);
// Drops the locks for `flags`.
void DropLocks(int fd, uint32_t flags);

// What qemu holds while it empties a file that it is about to fill.
uint32_t CreationLocks();

}  // namespace instar::vmm
