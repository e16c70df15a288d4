#include "compat/faults/faults.h"

namespace instar::compat {

std::span<const FaultRow> RawFaults() {
  return {};
}

}  // namespace instar::compat
