#include "compat/faults/faults.h"

namespace instar::compat {

std::span<const FaultRow> VpcFaults() {
  return {};
}

}  // namespace instar::compat
