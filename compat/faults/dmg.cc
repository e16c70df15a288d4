#include "compat/faults/faults.h"

namespace instar::compat {

std::span<const FaultRow> DmgFaults() {
  return {};
}

}  // namespace instar::compat
