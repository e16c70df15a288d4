#include "compat/faults/faults.h"

namespace instar::compat {

std::span<const FaultRow> BochsFaults() {
  return {};
}

}  // namespace instar::compat
