#include "compat/faults/faults.h"

namespace instar::compat {

std::span<const FaultRow> VhdxFaults() {
  return {};
}

}  // namespace instar::compat
