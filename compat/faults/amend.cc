#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_SNAPSHOT_FREE,
     "Failed to free the cluster and L1 table: {e}"},
    {proto::FAULT_SNAPSHOT_STATUS,
     "Failed to update snapshot status in disk: {e}"},
    {proto::FAULT_QCOW2_RESIZE_OLD_WITH_SNAPSHOTS,
     "Can't resize a v2 image which has snapshots"},
    {proto::FAULT_AMEND_COMPAT, "Unknown compatibility level {t}"},
    {proto::FAULT_AMEND_NO_ENCRYPTION,
     "Can't amend encryption options - encryption not present"},
    {proto::FAULT_AMEND_DATA_FILE,
     "data-file can only be set for images that use an external data file"},
    {proto::FAULT_AMEND_DATA_FILE_RAW,
     "data-file-raw cannot be set on existing images"},
    {proto::FAULT_AMEND_BACKING,
     "Cannot amend the backing file\n"
     "You can use 'qemu-img rebase' instead."},
    {proto::FAULT_AMEND_REFCOUNT_VERSION,
     "Refcount widths other than 16 bits require compatibility level 1.1 or "
     "above (use compat=1.1 or greater)"},
    {proto::FAULT_AMEND_LAZY_VERSION,
     "Lazy refcounts only supported with compatibility level 1.1 and above "
     "(use compat=1.1 or greater)"},
    {proto::FAULT_AMEND_REFCOUNT_TOO_LARGE,
     "Cannot decrease refcount entry width to {v} bits: Cluster at offset "
     "0x{W} has a refcount of {x}"},
    {proto::FAULT_AMEND_REFTABLE_TOO_LARGE,
     "This operation would make the refcount table grow beyond the maximum "
     "size supported by QEMU, aborting"},
    {proto::FAULT_AMEND_OLD_DATA_FILE,
     "Cannot downgrade an image with a data file"},
    {proto::FAULT_AMEND_OLD_REFCOUNT_BITS,
     "compat=0.10 requires refcount_bits=16"},
    {proto::FAULT_AMEND_OLD_SNAPSHOTS,
     "Internal snapshots prevent downgrade of image"},
    {proto::FAULT_AMEND_OLD_COMPRESSION,
     "Cannot downgrade an image with zstd compression type and existing "
     "compressed clusters"},
    {proto::FAULT_AMEND_OLD_FEATURES,
     "Cannot downgrade an image with incompatible features 0x{V} set"},
};

}  // namespace

std::span<const FaultRow> AmendFaults() {
  return kRows;
}

}  // namespace instar::compat
