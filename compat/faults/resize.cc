#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_RESIZE_NOT_POSITIVE, "New image size must be positive"},
    {proto::FAULT_RESIZE_PREALLOCATION_SHRINKS,
     "Preallocation can only be used for growing images"},
    {proto::FAULT_RESIZE_NEEDS_SHRINK,
     "Use the --shrink option to perform a shrink operation."},
    {proto::FAULT_RESIZE_UNSUPPORTED,
     "Image format driver does not support resize"},
    {proto::FAULT_RESIZE_FIXED_RAW, "Cannot resize fixed-size raw disks"},
    {proto::FAULT_RESIZE_DEVICE, "Cannot resize device files"},
    {proto::FAULT_RESIZE_DEVICE_PREALLOCATION,
     "Preallocation mode '{t}' unsupported for this non-regular file"},
    {proto::FAULT_RESIZE_FILE, "Could not resize file: {e}"},
    {proto::FAULT_RESIZE_RESERVE, "Could not preallocate new data: {e}"},
    {proto::FAULT_RESIZE_WRITE_ZEROES,
     "Could not write zeros for preallocation: {e}"},
    {proto::FAULT_RESIZE_UNALIGNED, "The new size must be a multiple of 512"},
    {proto::FAULT_RESIZE_SNAPSHOTS_IN_V2,
     "Can't resize a v2 image which has snapshots"},
    {proto::FAULT_RESIZE_L1, "Failed to grow the L1 table: {e}"},
    {proto::FAULT_RESIZE_ZEROES_IN_V2, "Failed to zero out new clusters: {e}"},
    {proto::FAULT_RESIZE_QED_PREALLOCATION,
     "Unsupported preallocation mode '{t}'"},
    {proto::FAULT_RESIZE_QED_SIZE, "Invalid image size specified"},
    {proto::FAULT_RESIZE_QED_SHRINKS,
     "Shrinking images is currently not supported"},
    {proto::FAULT_RESIZE_OWN_SHRINKS, "Images of this format can only grow"},
    {proto::FAULT_RESIZE_OWN_PREALLOCATION,
     "Images of this format grow without preallocation"},
    {proto::FAULT_RESIZE_OWN_SIZE,
     "The new size is too large for the image's format"},
};

}  // namespace

std::span<const FaultRow> ResizeFaults() {
  return kRows;
}

}  // namespace instar::compat
