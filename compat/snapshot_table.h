// The list of an image's internal snapshots, as `info` and `snapshot -l` print
// it.
#pragma once

#include <string>
#include <vector>

#include "compat/info_node.h"
#include "compat/profile.h"

namespace instar::compat {

// Title, header and a line a snapshot. Nothing is cut: long names push the
// columns behind them.
std::string SnapshotTable(const std::vector<InfoSnapshot>& snapshots,
                          const Profile& profile);

}  // namespace instar::compat
