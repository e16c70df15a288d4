// `commit` into formats that overlays are seldom above.
#include "guest/convert/commit.h"
#include "guest/rt/context.h"

namespace instar::guest {

bool RunOperation(Context& context) {
  static constexpr const Grower* kGrowers[] = {&kQedGrower};
  return Commit(context, kGrowers);
}

}  // namespace instar::guest
