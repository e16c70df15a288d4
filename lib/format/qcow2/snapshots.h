// The snapshot table (qcow2.txt, "Snapshots").
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/facts.h"
#include "lib/format/image.h"
#include "lib/format/qcow2/header.h"

namespace instar::qcow2 {

// Walks the table; `visitor`, where not null, hears of every snapshot.
// Errors: kErrno, kQcow2SnapshotExtra, kQcow2SnapshotTableTooBig and the
// visitor's.
Status WalkSnapshots(BlockCache& cache, const Header& header,
                     FactsVisitor* visitor);

// Where the L1 table of a snapshot is: of the first that has the id and the
// name of `choice`, as far as it has them. `choice.either` is not looked at.
// Errors: those of WalkSnapshots, kSnapshotMissing, kQcow2SnapshotL1Offset,
// kQcow2SnapshotL1TooLarge.
struct SnapshotL1 {
  uint64_t offset = 0;
  uint64_t num_entries = 0;
};
Result<SnapshotL1> FindSnapshot(BlockCache& cache, const Header& header,
                                const SnapshotChoice& choice);

}  // namespace instar::qcow2
