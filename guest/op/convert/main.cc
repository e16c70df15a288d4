// `convert` and `dd`. The formats are shared out between this operation and
// `export`, as all of them would not fit into one guest.
#include "guest/convert/convert.h"

namespace instar::guest {

bool RunOperation(Context& context) {
  return Convert(context, nullptr);
}

}  // namespace instar::guest
