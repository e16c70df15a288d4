#include "compat/faults/faults.h"

namespace instar::compat {

std::span<const FaultRow> VdiFaults() {
  return {};
}

}  // namespace instar::compat
