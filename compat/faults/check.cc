#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_CHECK_REGION_BEYOND_END,
     "ERROR: counting reference for region exceeding the end of the file "
     "by one cluster or more: offset 0x{V} size 0x{W}"},
    {proto::FAULT_CHECK_COUNT_OVERFLOW,
     "ERROR: overflow cluster offset=0x{V}\n"
     "Use qemu-img amend to increase the refcount entry width or qemu-img "
     "convert to create a clean copy if the image cannot be opened for "
     "writing"},
    {proto::FAULT_CHECK_L1_RESERVED,
     "ERROR found L1 entry with reserved bits set: {V}"},
    {proto::FAULT_CHECK_L2_TABLE_UNALIGNED,
     "ERROR l2_offset={V}: Table is not cluster aligned; L1 entry "
     "corrupted"},
    {proto::FAULT_CHECK_L2_RESERVED,
     "ERROR found l2 entry with reserved bits set: {V}"},
    {proto::FAULT_CHECK_COMPRESSED_COPIED,
     "ERROR: coffset=0x{V}: copied flag must never be set for compressed "
     "clusters"},
    {proto::FAULT_CHECK_COMPRESSED_WITH_DATA_FILE,
     "ERROR compressed cluster {v} with data file, entry=0x{W}"},
    {proto::FAULT_CHECK_COMPRESSED_SUBCLUSTERS,
     "ERROR compressed cluster {v} with non-zero subcluster allocation "
     "bitmap, entry=0x{W}"},
    {proto::FAULT_CHECK_SUBCLUSTERS,
     "ERROR offset={V}: Allocated cluster has corrupted subcluster "
     "allocation bitmap"},
    {proto::FAULT_CHECK_PREALLOCATED_UNALIGNED,
     "ERROR offset={V}: Preallocated cluster is not properly aligned; L2 "
     "entry corrupted."},
    {proto::FAULT_CHECK_DATA_UNALIGNED,
     "ERROR offset={V}: Data cluster is not properly aligned; L2 entry "
     "corrupted."},
    {proto::FAULT_CHECK_UNALLOCATED_SUBCLUSTERS,
     "ERROR: Unallocated cluster has non-zero subcluster allocation map"},
    {proto::FAULT_CHECK_L1_READ, "ERROR: I/O error in check_refcounts_l1"},
    {proto::FAULT_CHECK_L2_READ, "ERROR: I/O error in check_refcounts_l2"},
    {proto::FAULT_CHECK_SNAPSHOTS_WITH_DATA_FILE,
     "ERROR {v} snapshots in image with data file"},
    {proto::FAULT_CHECK_SNAPSHOT_L1_OFFSET,
     "ERROR snapshot {t} l1_offset=0x{V}: L1 table is not cluster "
     "aligned; snapshot table entry corrupted"},
    {proto::FAULT_CHECK_SNAPSHOT_L1_SIZE,
     "ERROR snapshot {t} l1_size=0x{V}: L1 table is too large; snapshot "
     "table entry corrupted"},
    {proto::FAULT_CHECK_SNAPSHOT_INCOMPLETE,
     "ERROR snapshot table entry {v} is incomplete"},
    {proto::FAULT_CHECK_REFTABLE_RESERVED,
     "ERROR refcount table entry {v} has reserved bits set"},
    {proto::FAULT_CHECK_REFBLOCK_UNALIGNED,
     "ERROR refcount block {v} is not cluster aligned; refcount table "
     "entry corrupted"},
    {proto::FAULT_CHECK_REFBLOCK_OUTSIDE,
     "ERROR refcount block {v} is outside image"},
    {proto::FAULT_CHECK_REFBLOCK_REFCOUNT,
     "ERROR refcount block {v} refcount={w}"},
    {proto::FAULT_CHECK_REFCOUNT_UNREADABLE,
     "Can't get refcount for cluster {v}: {e}"},
    {proto::FAULT_CHECK_REFCOUNT_TOO_LOW,
     "ERROR cluster {v} refcount={w} reference={x}"},
    {proto::FAULT_CHECK_LEAK, "Leaked cluster {v} refcount={w} reference={x}"},
    {proto::FAULT_CHECK_L2_TABLE_COPIED,
     "ERROR OFLAG_COPIED L2 cluster: l1_index={v} l1_entry={W} "
     "refcount={x}"},
    {proto::FAULT_CHECK_CLUSTER_COPIED,
     "ERROR OFLAG_COPIED data cluster: l2_entry={V} refcount={w}"},
    {proto::FAULT_CHECK_COPIED_READ,
     "ERROR: I/O error in check_oflag_copied: {e}"},
    {proto::FAULT_CHECK_SNAPSHOT_TABLE_OFFSET,
     "ERROR snapshot table offset invalid"},
    {proto::FAULT_CHECK_SNAPSHOTS_TOO_MANY,
     "ERROR snapshot table too large\n"
     "You can force-remove all {v} overhanging snapshots with qemu-img "
     "check -r all"},
    {proto::FAULT_CHECK_SNAPSHOT_EXTRA,
     "ERROR failed to read the snapshot table: Too much extra metadata in "
     "snapshot table entry {v}\n"
     "You can force-remove this extra metadata with qemu-img check -r all"},
    {proto::FAULT_CHECK_SNAPSHOT_TABLE_TOO_BIG,
     "ERROR failed to read the snapshot table: Snapshot table is too "
     "big\n"
     "You can force-remove all {v} overhanging snapshots with qemu-img "
     "check -r all"},
    {proto::FAULT_NO_CHECKER, "This image format does not support checks"},
};

}  // namespace

std::span<const FaultRow> CheckFaults() {
  return kRows;
}

}  // namespace instar::compat
