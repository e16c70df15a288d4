// Sources, with all that lies below them, into one target: what the operations
// that write images have in common. They differ in the formats that they link.
#pragma once

#include "guest/rt/context.h"
#include "lib/codec/packer.h"

namespace instar::guest {

// Runs the ConvertConfig of the configuration. `make_packer` may be null in
// guests that are not for -c. False: a failure has been reported.
bool Convert(Context& context, codec::MakePacker make_packer);

}  // namespace instar::guest
