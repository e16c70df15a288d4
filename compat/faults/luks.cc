#include "compat/faults/faults.h"

namespace instar::compat {

std::span<const FaultRow> LuksFaults() {
  return {};
}

}  // namespace instar::compat
