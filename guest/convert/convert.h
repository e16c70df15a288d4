// Sources, with all that lies below them, into one target: what the operations
// that write images have in common. They differ in the formats that they link.
#pragma once

#include "guest/rt/context.h"

namespace instar::guest {

// Runs the ConvertConfig of the configuration. A failure has been reported.
bool Convert(Context& context);

}  // namespace instar::guest
