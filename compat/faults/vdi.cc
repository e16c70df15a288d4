#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_VDI_SIZE,
     "Unsupported VDI image size (size is 0x{V}, max supported is "
     "0x1fffff8000000)"},
    {proto::FAULT_VDI_VERSION, "unsupported VDI image (version {v}.{w})"},
    {proto::FAULT_VDI_MAP_OFFSET,
     "unsupported VDI image (unaligned block map offset 0x{V})"},
    {proto::FAULT_VDI_DATA_OFFSET,
     "unsupported VDI image (unaligned data offset 0x{V})"},
    {proto::FAULT_VDI_SECTOR_SIZE,
     "unsupported VDI image (sector size {v} is not 512)"},
    {proto::FAULT_VDI_BLOCK_SIZE,
     "unsupported VDI image (block size {v} is not 1048576)"},
    {proto::FAULT_VDI_MAP_TOO_SMALL,
     "unsupported VDI image (disk size {v}, image bitmap has room for {w})"},
    {proto::FAULT_VDI_LINK, "unsupported VDI image (non-NULL link UUID)"},
    {proto::FAULT_VDI_PARENT, "unsupported VDI image (non-NULL parent UUID)"},
    {proto::FAULT_VDI_TOO_MANY_BLOCKS,
     "unsupported VDI image (too many blocks {v}, max is 536870784)"},
    // Lines of `check`.
    {proto::FAULT_CHECK_VDI_BLOCK_SHARED,
     "ERROR: block index {v} also used by {v}"},
    {proto::FAULT_CHECK_VDI_BLOCK_TOO_LARGE,
     "ERROR: block index {v} too large, is {w}"},
    {proto::FAULT_CHECK_VDI_ALLOCATED,
     "ERROR: allocated blocks mismatch, is {v}, should be {w}"},
};

}  // namespace

std::span<const FaultRow> VdiFaults() {
  return kRows;
}

}  // namespace instar::compat
