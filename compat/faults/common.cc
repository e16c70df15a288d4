#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_OVERFLOW, "A size or an offset in the image is too large"},
    {proto::FAULT_OUT_OF_BOUNDS, "A structure leaves the room it has"},
    {proto::FAULT_CHAIN_TOO_DEEP, "The chain of backing files is too long"},
    {proto::FAULT_IMAGE_SIZE,
     "Could not refresh total sector count: File too large"},
    {proto::FAULT_SNAPSHOT_UNSUPPORTED,
     "Block format '{t}' used by device '' does not support temporarily "
     "loading internal snapshots"},
    {proto::FAULT_SNAPSHOT_MISSING, "Can't find snapshot"},
    {proto::FAULT_POLICY_RAW_PROBED,
     "No format is recognised and there is no partition table; the strict "
     "policy wants to be told that an image is raw"},
    {proto::FAULT_POLICY_FORMAT_MISSING,
     "The strict policy opens no backing file without a recorded format, such "
     "as '{t}'"},
    {proto::FAULT_POLICY_SIZE,
     "The strict policy allows no virtual size of {v} bytes"},
    {proto::FAULT_REBASE_FORMAT_MISSING, "backing format must be specified"},
    {proto::FAULT_COMMIT_NO_REOPEN,
     "Block format '{t}' used by node '#block100' does not support reopening "
     "files"},
    {proto::FAULT_COMMIT_NO_BACKING, "Image does not have a backing file"},
    {proto::FAULT_REBASE_NO_PACKING,
     "Compression not supported for this file format"},
    {proto::FAULT_REBASE_VMDK_PARENT, "backing_file must be a vmdk image"},
    {proto::FAULT_REFERENCE_REFUSED, "The policy does not allow '{t}'"},
};

}  // namespace

std::span<const FaultRow> CommonFaults() {
  return kRows;
}

}  // namespace instar::compat
