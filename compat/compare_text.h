// What `compare` prints of its result.
#pragma once

#include <string>

#include "gen/guest.pb.h"

namespace instar::compat {

// Lines for stdout.
std::string CompareText(const proto::CompareResult& result);

}  // namespace instar::compat
