// The formats that can be made.
#pragma once

#include "lib/base/bytes.h"
#include "lib/format/target.h"

namespace instar {

// The writer of that name; null: the format cannot be made, or is none.
const Writer* FindWriter(ByteView name);

}  // namespace instar
