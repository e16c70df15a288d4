// An overlay into an image below it: what the guests of `commit` have in
// common. They differ in the formats of the image below that they write.
#pragma once

#include "guest/rt/context.h"
#include "lib/format/growing.h"

namespace instar::guest {

// Runs the CommitConfig of the configuration. `growers`: of the formats that
// can grow among those that are written. False: a failure has been reported.
bool Commit(Context& context, Growers growers);

}  // namespace instar::guest
