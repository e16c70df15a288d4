// Sources, with all that lies below them, into one target: what the operations
// that write images have in common. They differ in the formats that they link.
#pragma once

#include "guest/convert/packing.h"
#include "guest/rt/context.h"

namespace instar::guest {

// Runs the ConvertConfig of the configuration. `make_packing` may be null in
// guests that are not for -c. False: a failure has been reported.
bool Convert(Context& context, MakePacking make_packing);

}  // namespace instar::guest
