#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr std::string_view kInvalid = "Could not open '{p}': Invalid argument";
constexpr std::string_view kUnsupported =
    "Could not open '{p}': Operation not supported";

constexpr FaultRow kRows[] = {
    {proto::FAULT_VHDX_SIGNATURE, kInvalid},
    {proto::FAULT_VHDX_NO_HEADER, "No valid VHDX header found"},
    {proto::FAULT_VHDX_LOG_PLACE, kInvalid},
    {proto::FAULT_VHDX_LOG_VERSION, kInvalid},
    {proto::FAULT_VHDX_LOG_LENGTH, kInvalid},
    {proto::FAULT_VHDX_LOG_DESCRIPTOR, kInvalid},
    {proto::FAULT_VHDX_LOG_DIRTY,
     "VHDX image file '{p}' opened read-only, but contains a log that needs to "
     "be replayed\n"
     "To replay the log, run:\n"
     "qemu-img check -r all '{p}'"},
    {proto::FAULT_VHDX_LOG_TOO_LARGE,
     "The log of VHDX image file '{p}' holds too much to be replayed"},
    {proto::FAULT_VHDX_LOG_DAMAGED,
     "The log of VHDX image file '{p}' cannot be replayed: it is damaged"},
    {proto::FAULT_VHDX_LOG_HOLDS_DATA,
     "The log holds guest-visible data, which is not replayed"},
    {proto::FAULT_VHDX_UNREADABLE, "Could not open '{p}': Input/output error"},
    {proto::FAULT_VHDX_REGION_TABLE, kInvalid},
    {proto::FAULT_VHDX_REGION_TWICE, kInvalid},
    {proto::FAULT_VHDX_REGION_UNKNOWN, kUnsupported},
    {proto::FAULT_VHDX_REGION_MISSING, kInvalid},
    {proto::FAULT_VHDX_METADATA_TABLE, kInvalid},
    {proto::FAULT_VHDX_METADATA_TWICE, kInvalid},
    {proto::FAULT_VHDX_METADATA_UNKNOWN, kUnsupported},
    {proto::FAULT_VHDX_METADATA_MISSING, kUnsupported},
    {proto::FAULT_VHDX_PARENT, kInvalid},
    {proto::FAULT_VHDX_BLOCK_SIZE, kInvalid},
    {proto::FAULT_VHDX_SECTOR_SIZE, kUnsupported},
    {proto::FAULT_VHDX_BAT_TOO_SMALL, kInvalid},
    {proto::FAULT_VHDX_SIZE,
     "Could not refresh total sector count: File too large"},
    {proto::FAULT_VHDX_CREATE_SIZE, "Image size too large; max of 64TB"},
    {proto::FAULT_VHDX_CREATE_LOG_SIZE, "Log size must be smaller than 4 GB"},
    {proto::FAULT_VHDX_CREATE_BLOCK_SIZE, "Block size must be a power of two"},
    {proto::FAULT_VHDX_CREATE_BAT,
     "Failed to write the BAT: Input/output error"},
    {proto::FAULT_VHDX_REGION_OVERLAP, kInvalid},
    {proto::FAULT_VHDX_BAT_OVERFLOW, kInvalid},
    {proto::FAULT_VHDX_BAT_START, kInvalid},
    {proto::FAULT_VHDX_BAT_END, kInvalid},
    // Lines of `check`. The overlap's words are made in fault_text.cc.
    {proto::FAULT_CHECK_VHDX_BAT_OVERFLOW,
     "VHDX BAT entry {v} offset overflow."},
    {proto::FAULT_CHECK_VHDX_BAT_START,
     "VHDX BAT entry {v} start offset {w} points after end of file ({x}). "
     "Image "
     "has probably been truncated."},
    {proto::FAULT_CHECK_VHDX_BAT_END,
     "VHDX BAT entry {v} end offset {w} points after end of file ({x}). Image "
     "has probably been truncated."},
};

}  // namespace

std::span<const FaultRow> VhdxFaults() {
  return kRows;
}

}  // namespace instar::compat
