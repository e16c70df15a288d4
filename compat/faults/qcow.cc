#include "compat/faults/faults.h"

namespace instar::compat {

std::span<const FaultRow> QcowFaults() {
  return {};
}

}  // namespace instar::compat
