// From -l to what a guest is asked for.
#pragma once

#include "compat/snapshot_param.h"
#include "gen/guest.pb.h"

namespace instar::cmd {

// REQUIRES: param.is_set(). False: no snapshot can have so long a text.
bool FillSnapshotChoice(const compat::SnapshotParam& param,
                        proto::SnapshotChoice& choice);

}  // namespace instar::cmd
