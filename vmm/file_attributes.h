// Attributes of a file that its file system knows and read and write do not
// show.
#pragma once

#include <cstdint>

namespace instar::vmm {

// Turns copy-on-write off for `fd`, an empty file, where the file system can
// (btrfs).
void TurnOffCopyOnWrite(int fd);

// Asks for space in runs of `bytes`; 0 asks for none. Returns 0 or an errno.
int SetExtentSizeHint(int fd, uint32_t bytes);

// 0: there is none.
uint32_t ExtentSizeHint(int fd);

// The smallest of the usual sizes that an O_DIRECT read of `fd` accepts.
uint32_t ProbeAlignment(int fd);

}  // namespace instar::vmm
