// Cutting an output that exists to nothing.
#pragma once

#include <string>

namespace instar::vmm {

// Empties the regular file `fd`, which was opened as `path`; false: errno says
// why not. ext4 writes back a file that was cut to nothing before the next
// close of it returns (its "auto_da_alloc"): the close of a descriptor that
// wrote nothing is the cheap one.
bool EmptyFile(int fd, const std::string& path);

}  // namespace instar::vmm
