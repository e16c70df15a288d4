// The snapshot table (qcow2.txt, "Snapshots").
#pragma once

#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/facts.h"
#include "lib/format/qcow2/header.h"

namespace instar::qcow2 {

// Walks the table; `visitor`, where not null, hears of every snapshot.
// Errors: kErrno, kQcow2SnapshotExtra, kQcow2SnapshotTableTooBig and the
// visitor's.
Status WalkSnapshots(BlockCache& cache, const Header& header,
                     FactsVisitor* visitor);

}  // namespace instar::qcow2
