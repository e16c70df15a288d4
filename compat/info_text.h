// `info` for people.
#pragma once

#include <string>
#include <vector>

#include "compat/info_node.h"
#include "compat/profile.h"

namespace instar::compat {

// One image. Names stand as they are in the image, control characters
// included, as qemu-img prints them.
std::string InfoText(const InfoNode& node, const Profile& profile);

// `info --backing-chain`: the images, top first, an empty line between two.
std::string InfoChainText(const std::vector<InfoNode>& chain,
                          const Profile& profile);

}  // namespace instar::compat
