// A layer of a backing chain that a command writes to: `commit` writes to a
// file that an image names, the one exception from the rule that such files are
// opened for reading only.
#pragma once

#include <cstdint>

#include "vmm/files.h"
#include "vmm/open_file.h"

namespace instar::vmm {

inline bool IsSameFile(const Files::Entry& a, const Files::Entry& b) {
  return a.device == b.device && a.inode == b.inode;
}

// Opens the file in `slot` again so that it can be written, in the same slot,
// and moves its locks. It is done for one backing file in a run, and for that
// one's data file, and only where the command line means it: `outputs.base`
// names it or, without one, it is the backing file of the target. Under the
// strict policy it must lie beneath an allowed directory or, where the command
// line names it, beneath the target's.
// Returns the slot or -errno, which `error` explains; -ENOENT: another file is
// meant.
int64_t MakeLayerWritable(Files& files, uint32_t slot, const Outputs& outputs,
                          const Policy& policy, FileError& error);

}  // namespace instar::vmm
