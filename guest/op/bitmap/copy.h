// The bitmaps of one image copied into another: `convert --bitmaps`.
#pragma once

#include "gen/guest.npb.h"
#include "guest/op/bitmap/edited_image.h"
#include "lib/format/bitmap_store.h"
#include "lib/format/image.h"

namespace instar::guest {

// Whether the bitmaps of `image` could be copied. False after a report.
// `source`: of the image, null where it has no bitmaps.
bool CheckCopy(const instar_proto_BitmapConfig& config, const Image& image,
               const BitmapStore* source);

// Makes all bitmaps of `source` in `target` too; of one that is not sound there
// is a warning, or it ends there. False after a report.
bool CopyAll(const instar_proto_BitmapConfig& config, BitmapStore& source,
             EditedImage& target);

}  // namespace instar::guest
