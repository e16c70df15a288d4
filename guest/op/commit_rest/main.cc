// `commit` into formats of other programs.
#include "guest/convert/commit.h"
#include "guest/rt/context.h"

namespace instar::guest {

bool RunOperation(Context& context) {
  return Commit(context, {});
}

}  // namespace instar::guest
