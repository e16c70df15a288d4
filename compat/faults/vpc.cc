#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_VPC_TOO_SMALL, "File too small for a VHD header"},
    {proto::FAULT_VPC_CHECKSUM, "Incorrect header checksum"},
    {proto::FAULT_VPC_DYNAMIC_HEADER, "Error reading dynamic VHD header"},
    {proto::FAULT_VPC_HEADER_MAGIC, "Invalid header magic"},
    {proto::FAULT_VPC_BLOCK_SIZE, "Invalid block size {v}"},
    {proto::FAULT_VPC_TABLE_TOO_SMALL, "Page table too small"},
    {proto::FAULT_VPC_TABLE_TOO_LARGE, "Max Table Entries too large ({i})"},
    {proto::FAULT_VPC_TABLE, "Error reading pagetable"},
    {proto::FAULT_VPC_TRUNCATED,
     "block-vpc: free_data_block_offset points after the end of file. The "
     "image has been truncated."},
    {proto::FAULT_VPC_CREATE_TOO_LARGE,
     "Disk size is too large, max size is 2040 GiB"},
    // Lines of `check`.
    {proto::FAULT_CHECK_VPC_HEADER_CHECKSUM,
     "ERROR: the dynamic header's checksum is wrong"},
    {proto::FAULT_CHECK_VPC_FOOTER_MISSING,
     "ERROR: no footer at offset 0x{V}, the end of the file"},
    {proto::FAULT_CHECK_VPC_FOOTER_DIFFERS,
     "ERROR: the footer at offset 0x{V} differs from its copy at the start"},
    {proto::FAULT_CHECK_VPC_BLOCK_METADATA,
     "ERROR: block {v} at offset 0x{W} overlaps the headers or the block "
     "table"},
    {proto::FAULT_CHECK_VPC_BLOCK_FOOTER,
     "ERROR: block {v} at offset 0x{W} overlaps the footer"},
    {proto::FAULT_CHECK_VPC_BLOCKS_OVERLAP,
     "ERROR: block {v} overlaps block {w}"},
    {proto::FAULT_CHECK_VPC_DATA_MISSING,
     "ERROR: the disk has {v} bytes, the file holds {w} of them"},
};

}  // namespace

std::span<const FaultRow> VpcFaults() {
  return kRows;
}

}  // namespace instar::compat
