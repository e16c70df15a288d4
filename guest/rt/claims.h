// Image locks on all the files that an image consists of.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/format/image.h"

namespace instar::guest {

// Takes the locks that `image_flags` (abi::ClaimFlag) name on the image's own
// file, and those of `flat_flags` on files that hold nothing but its data;
// other parts count as the image.
// Errors: kLocked.
Status ClaimImage(Image& image, uint32_t image_flags, uint32_t flat_flags);

}  // namespace instar::guest
