#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_QED_FEATURES, "Unsupported QED features: {V}"},
    {proto::FAULT_QED_CLUSTER_SIZE, "QED cluster size is invalid"},
    {proto::FAULT_QED_TABLE_SIZE, "QED table size is invalid"},
    {proto::FAULT_QED_IMAGE_SIZE, "QED image size is invalid"},
    {proto::FAULT_QED_L1_OFFSET, "QED table offset is invalid"},
    {proto::FAULT_QED_HEADER_SIZE, "QED header size is too large"},
    {proto::FAULT_QED_BACKING_NAME_OFFSET,
     "QED backing filename offset is invalid"},
    {proto::FAULT_QED_CREATE_CLUSTER_SIZE,
     "QED cluster size must be within range [4096, 67108864] and power of 2"},
    {proto::FAULT_QED_CREATE_TABLE_SIZE,
     "QED table size must be within range [1, 16] and power of 2"},
    {proto::FAULT_QED_CREATE_SIZE,
     "QED image size must be a non-zero multiple of cluster size and less than "
     "{v} bytes"},
    {proto::FAULT_QED_BACKING_NAME, "Failed to read backing filename"},
};

}  // namespace

std::span<const FaultRow> QedFaults() {
  return kRows;
}

}  // namespace instar::compat
