// `commit` into the formats that overlays mostly are above.
#include "guest/convert/commit.h"
#include "guest/rt/context.h"

namespace instar::guest {

bool RunOperation(Context& context) {
  static constexpr const Grower* kGrowers[] = {&kRawGrower, &kQcow2Grower};
  return Commit(context, kGrowers);
}

}  // namespace instar::guest
