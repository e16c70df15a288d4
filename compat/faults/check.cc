#include "compat/faults/faults.h"

namespace instar::compat {

std::span<const FaultRow> CheckFaults() {
  return {};
}

}  // namespace instar::compat
