#include "lib/format/repairer.h"

namespace instar {

#include "gen/repairers.inc"

const Repairer* FindRepairer(ByteView format) {
  for (const Repairer* repairer : kRepairers) {
    if (repairer != nullptr && repairer->name.Equals(format)) {
      return repairer;
    }
  }
  return nullptr;
}

}  // namespace instar
