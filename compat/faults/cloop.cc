#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_CLOOP_BLOCK_SIZE_ZERO, "block_size cannot be zero"},
    {proto::FAULT_CLOOP_BLOCK_SIZE_ODD,
     "block_size {v} must be a multiple of 512"},
    {proto::FAULT_CLOOP_BLOCK_SIZE_TOO_LARGE,
     "block_size {v} must be {w} MB or less"},
    {proto::FAULT_CLOOP_NUM_BLOCKS, "n_blocks {v} must be {w} or less"},
    {proto::FAULT_CLOOP_OFFSETS_TOO_LARGE,
     "image requires too many offsets, try increasing block size"},
    {proto::FAULT_CLOOP_OFFSETS_FALL,
     "offsets not monotonically increasing at index {v}, image file is "
     "corrupt"},
    {proto::FAULT_CLOOP_PACKED_SIZE,
     "invalid compressed block size at index {v}, image file is corrupt"},
    {proto::FAULT_CLOOP_OFFSETS_NONE, "Could not allocate offsets table"},
};

}  // namespace

std::span<const FaultRow> CloopFaults() {
  return kRows;
}

}  // namespace instar::compat
