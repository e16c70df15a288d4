#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_DMG_TOO_SHORT, "dmg file must be at least 512 bytes long"},
    {proto::FAULT_DMG_NO_TRAILER, "Could not locate UDIF trailer in dmg file"},
    {proto::FAULT_DMG_SECTOR_COUNT,
     "sector count {v} for chunk {w} is larger than max ({x})"},
    {proto::FAULT_DMG_LENGTH,
     "length {v} for chunk {w} is larger than max ({x})"},
    {proto::FAULT_DMG_TOO_COMPLEX, "The image has more than {v} chunks"},
    {proto::FAULT_DMG_STRUCTURE, "Invalid argument"},
    {proto::FAULT_DMG_SIZE,
     "Could not refresh total sector count: File too large"},
};

}  // namespace

std::span<const FaultRow> DmgFaults() {
  return kRows;
}

}  // namespace instar::compat
