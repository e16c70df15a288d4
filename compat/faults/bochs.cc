#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_BOCHS_CATALOG_TOO_LARGE, "Catalog size is too large"},
    {proto::FAULT_BOCHS_CATALOG_TOO_SMALL,
     "Catalog size is too small for this disk size"},
    {proto::FAULT_BOCHS_EXTENT_TOO_SMALL, "Extent size must be at least 512"},
    {proto::FAULT_BOCHS_EXTENT_NO_POWER,
     "Extent size {v} is not a power of two"},
    {proto::FAULT_BOCHS_EXTENT_TOO_LARGE, "Extent size {v} is too large"},
};

}  // namespace

std::span<const FaultRow> BochsFaults() {
  return kRows;
}

}  // namespace instar::compat
