#include "compat/faults/faults.h"

namespace instar::compat {

std::span<const FaultRow> CloopFaults() {
  return {};
}

}  // namespace instar::compat
