#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_NEEDS_REPAIR, "The image must be repaired first"},
    {proto::FAULT_REPAIR_FAILED, "Could not repair dirty image: {e}"},
    {proto::FAULT_REPAIR_REFCOUNT,
     "Repairing cluster {v} refcount={w} reference={x}"},
    {proto::FAULT_REPAIR_L2_TABLE_COPIED,
     "Repairing OFLAG_COPIED L2 cluster: l1_index={v} l1_entry={W} "
     "refcount={x}"},
    {proto::FAULT_REPAIR_CLUSTER_COPIED,
     "Repairing OFLAG_COPIED data cluster: l2_entry={V} refcount={w}"},
    {proto::FAULT_REPAIR_PREALLOCATED_UNALIGNED,
     "Repairing offset={V}: Preallocated cluster is not properly aligned; L2 "
     "entry corrupted."},
    {proto::FAULT_REPAIR_REFBLOCK_OUTSIDE,
     "Repairing refcount block {v} is outside image"},
    {proto::FAULT_REPAIR_RESIZE_FILE, "Could not resize file: {e}"},
    {proto::FAULT_REPAIR_RESIZE, "ERROR could not resize image: {e}"},
    {proto::FAULT_REPAIR_REBUILD, "Rebuilding refcount structure"},
    {proto::FAULT_REPAIR_REBUILD_NEEDED,
     "ERROR need to rebuild refcount structures"},
    {proto::FAULT_REPAIR_REBUILD_BROKEN,
     "ERROR rebuilt refcount structure is still broken"},
    {proto::FAULT_REPAIR_REBUILD_WRITE, "ERROR writing refblock: {e}"},
    {proto::FAULT_REPAIR_REBUILD_ROOM, "ERROR allocating refblock: {e}"},
    {proto::FAULT_REPAIR_REBUILD_TABLE, "ERROR writing reftable: {e}"},
    {proto::FAULT_REPAIR_REBUILD_TABLE_ROOM, "ERROR allocating reftable: {e}"},
    {proto::FAULT_REPAIR_OVERLAP_ENTRY, "ERROR: Overlap check failed"},
    {proto::FAULT_REPAIR_COPIED_OVERLAP,
     "ERROR: Could not write L2 table; metadata overlap check failed: {e}"},
    {proto::FAULT_REPAIR_SNAPSHOT_INCOMPLETE,
     "Repairing snapshot table entry {v} is incomplete"},
    {proto::FAULT_REPAIR_SNAPSHOTS_TOO_MANY,
     "Discarding {v} overhanging snapshots"},
    {proto::FAULT_REPAIR_SNAPSHOT_EXTRA,
     "Discarding too much extra metadata in snapshot table entry {v} ({w} > "
     "1024)"},
    {proto::FAULT_REPAIR_SNAPSHOT_TABLE_TOO_BIG,
     "Discarding {v} overhanging snapshots (snapshot table is too big)"},
    {proto::FAULT_REPAIR_SNAPSHOT_TABLE,
     "ERROR failed to update snapshot table: {e}"},
    {proto::FAULT_REPAIR_PARALLELS_UNCLEAN,
     "Repairing image was not closed correctly"},
    {proto::FAULT_REPAIR_PARALLELS_DATA_OFFSET,
     "Repairing data_offset field has incorrect value"},
    {proto::FAULT_REPAIR_PARALLELS_OUTSIDE,
     "Repairing cluster {v} is outside image"},
    {proto::FAULT_REPAIR_PARALLELS_SPACE_LEAKED,
     "Repairing space leaked at the end of the image {v}"},
    {proto::FAULT_REPAIR_PARALLELS_DUPLICATE,
     "Repairing duplicate offset in BAT entry {v}"},
};

}  // namespace

std::span<const FaultRow> RepairFaults() {
  return kRows;
}

}  // namespace instar::compat
