// What `bitmap` says, and `convert --bitmaps` of the bitmaps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "compat/profile.h"
#include "gen/guest.pb.h"

namespace instar::compat {

// What the command line says of the bitmap.
struct BitmapCall {
  std::string name;
  std::string actions;  // proto.BitmapAction, a byte each
};

// "Operation add on bitmap b0 failed: …", and what is said where bitmaps are
// copied. REQUIRES: the failure's stage is one of the two of bitmaps.
std::string BitmapFailureText(const proto::Failure& failure,
                              const BitmapCall& call);

// There is nothing to do.
std::string NoBitmapActionText(const Profile& profile);

}  // namespace instar::compat
