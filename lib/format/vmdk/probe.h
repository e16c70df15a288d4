// Whether a file looks like a VMDK image.
#pragma once

#include "lib/base/bytes.h"

namespace instar::vmdk {

// Reader::probe: a sparse extent's magic, or a descriptor.
int ProbeVmdk(ByteView head, ByteView filename);

}  // namespace instar::vmdk
