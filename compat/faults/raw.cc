#include "compat/faults/faults.h"

namespace instar::compat {

namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_RAW_OFFSET,
     "Offset ({v}) cannot be greater than size of the containing file ({w})"},
    {proto::FAULT_RAW_RANGE,
     "The sum of offset ({v}) and size ({w}) has to be smaller or equal to the "
     " actual size of the containing file ({x})"},
    {proto::FAULT_RAW_SIZE_UNALIGNED, "Specified size is not multiple of 512"},
};

}  // namespace

std::span<const FaultRow> RawFaults() {
  return kRows;
}

}  // namespace instar::compat
