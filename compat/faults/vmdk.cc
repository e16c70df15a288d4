#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_VMDK_TOO_SMALL, "File is too small, not a valid image"},
    {proto::FAULT_VMDK_NOT_VMDK, "Image not in VMDK format"},
    {proto::FAULT_VMDK_DESCRIPTOR, "invalid VMDK image descriptor"},
    {proto::FAULT_VMDK_IMAGE_TYPE, "Unsupported image type '{t}'"},
    {proto::FAULT_VMDK_EXTENT_LINE, "Invalid extent line: {t}"},
    {proto::FAULT_VMDK_VERSION, "Unsupported VMDK version {v}"},
    {proto::FAULT_VMDK_L2_SIZE, "L2 table size too big"},
    {proto::FAULT_VMDK_L1_ENTRY, "L1 entry size is invalid"},
    {proto::FAULT_VMDK_TRUNCATED,
     "File truncated, expecting at least {v} bytes"},
    {proto::FAULT_VMDK_GRANULARITY,
     "Invalid granularity, image may be corrupt"},
    {proto::FAULT_VMDK_L1_SIZE, "L1 size too big"},
    {proto::FAULT_VMDK_FOOTER, "Invalid footer"},
    {proto::FAULT_VMDK_FOOTER_READ, "Failed to read footer: {e}"},
    {proto::FAULT_VMDK_TOO_LARGE,
     "Could not refresh total sector count: File too large"},
    // qemu-img takes these.
    {proto::FAULT_VMDK_TOO_MANY_EXTENTS, "The image has more than {v} extents"},
    {proto::FAULT_VMDK_NESTED, "An extent is a descriptor of other extents"},
    {proto::FAULT_VMDK_MIXED_STREAMS,
     "Some compressed extents have grain markers and some have none"},
    {proto::FAULT_VMDK_SE_MAGIC, "Bad const header magic: 0x{P}"},
    {proto::FAULT_VMDK_SE_VERSION, "Unsupported version: 0x{P}"},
    {proto::FAULT_VMDK_SE_GRAIN_SIZE, "Unsupported grain size: {v}"},
    {proto::FAULT_VMDK_SE_TABLE_SIZE, "Unsupported grain table size: {v}"},
    {proto::FAULT_VMDK_SE_FLAGS, "Unsupported flags: 0x{P}"},
    {proto::FAULT_VMDK_SE_RESERVED, "Unsupported reserved bits: 0x{P}"},
    {proto::FAULT_VMDK_SE_PADDING, "Unsupported non-zero const header padding"},
    {proto::FAULT_VMDK_SE_VOLATILE_MAGIC, "Bad volatile header magic: 0x{P}"},
    {proto::FAULT_VMDK_SE_DIRTY,
     "Image is dirty, Replaying journal not supported"},
    {proto::FAULT_VMDK_SE_VOLATILE_PADDING,
     "Unsupported non-zero volatile header padding"},
    {proto::FAULT_VMDK_BACKING_FORMAT,
     "Invalid backing file format: {t}. Must be vmdk"},
    {proto::FAULT_VMDK_READ_ONLY_VERSION, "VMDK version {v} must be read only"},
    {proto::FAULT_VMDK_SE_READ_ONLY,
     "No write support for seSparse images available"},
    {proto::FAULT_VMDK_DESCRIPTOR_TOO_LARGE,
     "The descriptor does not fit into {v} bytes"},
    {proto::FAULT_VMDK_GRAIN_WRITTEN,
     "Could not write to allocated cluster for streamOptimized"},
    // Lines of `check`.
    {proto::FAULT_CHECK_VMDK_NO_EXTENT,
     "ERROR: could not find extent for sector {v}"},
    {proto::FAULT_CHECK_VMDK_NO_GRAIN,
     "ERROR: could not get cluster_offset for sector {v}"},
    {proto::FAULT_CHECK_VMDK_PAST_END,
     "ERROR: cluster offset for sector {v} points after EOF"},
};

}  // namespace

std::span<const FaultRow> VmdkFaults() {
  return kRows;
}

}  // namespace instar::compat
