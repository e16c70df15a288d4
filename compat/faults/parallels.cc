#include "compat/faults/faults.h"

namespace instar::compat {

std::span<const FaultRow> ParallelsFaults() {
  return {};
}

}  // namespace instar::compat
