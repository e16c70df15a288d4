#include "compat/faults/faults.h"

namespace instar::compat {

std::span<const FaultRow> VmdkFaults() {
  return {};
}

}  // namespace instar::compat
