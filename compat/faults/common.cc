#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_OVERFLOW, "A size or an offset in the image is too large"},
    {proto::FAULT_OUT_OF_BOUNDS, "A structure leaves the room it has"},
    {proto::FAULT_CHAIN_TOO_DEEP, "The chain of backing files is too long"},
    {proto::FAULT_REFERENCE_REFUSED, "The policy does not allow '{t}'"},
};

}  // namespace

std::span<const FaultRow> CommonFaults() {
  return kRows;
}

}  // namespace instar::compat
