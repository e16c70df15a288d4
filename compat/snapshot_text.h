// What `snapshot` says where it fails.
#pragma once

#include <string>

#include "compat/profile.h"
#include "gen/guest.pb.h"

namespace instar::compat {

// What the command line asks for.
struct SnapshotCall {
  std::string name;
  proto::SnapshotAction action = proto::SNAPSHOT_ACTION_LIST;
  bool tells_errno = false;  // Profile::snapshot_tells_errno
};

// "Could not create snapshot 's1': …". REQUIRES: the failure's stage is that
// of a change of snapshots.
std::string SnapshotFailureText(const proto::Failure& failure,
                                const SnapshotCall& call);

// A line that comes first, or nothing: what `apply` says of the snapshot's
// table.
std::string SnapshotPrecedingText(const proto::Failure& failure,
                                  const SnapshotCall& call);

}  // namespace instar::compat
