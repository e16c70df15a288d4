// An image that grows: a longer L1 table, clusters for what is added where they
// are asked for, marks for zeroes where a longer backing file would show
// through, and the size.
#pragma once

#include "lib/base/result.h"
#include "lib/format/qcow2/header.h"
#include "lib/format/qcow2/metadata.h"
#include "lib/format/qcow2/resize.h"

namespace instar::qcow2 {

// What can be known beforehand of an image that would not become what is asked
// for. Errors: kResizeL1, kResizeZeroesInV2.
Status CheckGrowth(const Header& header, const ResizedFiles& files,
                   const NewSize& size);

// REQUIRES: CheckGrowth, and no less than the image has.
Status Grow(Metadata& image, const ResizedFiles& files, const NewSize& size);

}  // namespace instar::qcow2
