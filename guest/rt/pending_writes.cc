#include "guest/rt/pending_writes.h"

#include "guest/rt/slot_file.h"

namespace instar::guest {

void WriteBefore(const TargetFiles& files, bool format_flushes,
                 PendingWrites* pending) {
  static_cast<SlotFile*>(files.file)->WaitsFor(pending, !format_flushes);
  if (files.data_file != nullptr) {
    static_cast<SlotFile*>(files.data_file)->WaitsFor(pending, false);
  }
}

}  // namespace instar::guest
