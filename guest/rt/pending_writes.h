// Data on its way to a file past its SlotFile, which nobody has waited for yet.
#pragma once

#include "lib/base/result.h"
#include "lib/format/target.h"

namespace instar::guest {

class PendingWrites {
 public:
  // Returns when all of it is written. Errors: that of the first write that
  // failed.
  virtual Status AwaitWrites() = 0;

 protected:
  ~PendingWrites() = default;
};

// From now on what is pending for `files`, all of them SlotFiles, is written
// before any of them is flushed, and before metadata is written to the image's
// own where its format does not flush between the two. Null: nothing is.
void WriteBefore(const TargetFiles& files, bool format_flushes,
                 PendingWrites* pending);

}  // namespace instar::guest
