// Moving bytes between memory and an open file: whole transfers, whatever the
// kernel splits them into, and whatever O_DIRECT demands.
#pragma once

#include <cstdint>
#include <span>

#include "vmm/files.h"

namespace instar::vmm {

// Bytes read, fewer than asked only at the end of the file, or -errno.
int64_t ReadFile(const Files::Entry& file, uint64_t offset,
                 std::span<uint8_t> out);
// All of it: its length, or -errno.
int64_t WriteFile(const Files::Entry& file, uint64_t offset,
                  std::span<const uint8_t> bytes);
// Writes `length` zeroes: 0 or -errno.
int64_t WriteZeroes(const Files::Entry& file, uint64_t offset, uint64_t length);
// The file's length in bytes, also of a block device; 0 where it has none.
uint64_t FileLength(int fd);

// Grows a file that is open O_DIRECT and ends at or before `end` to a whole
// block: qemu-img writes no less. 0 or -errno.
int PadToBlock(const Files::Entry& file, uint64_t end);

}  // namespace instar::vmm
