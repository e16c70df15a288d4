// `info --output=json`.
#pragma once

#include <string>
#include <vector>

#include "compat/info_node.h"
#include "compat/profile.h"

namespace instar::compat {

// One image: an object and a newline.
std::string InfoJson(const InfoNode& node, const Profile& profile);

// `info --backing-chain`: a list of them, the top image first.
std::string InfoChainJson(const std::vector<InfoNode>& chain,
                          const Profile& profile);

}  // namespace instar::compat
