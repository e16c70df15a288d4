// What `check --output=json` prints.
#pragma once

#include <string>
#include <vector>

#include "gen/guest.pb.h"

namespace instar::compat {

struct CheckedImage {
  std::string filename;
  proto::CheckResult result;
};

std::string CheckJson(const CheckedImage& image);
// A list of all of them, top image first.
std::string CheckChainJson(const std::vector<CheckedImage>& images);

}  // namespace instar::compat
