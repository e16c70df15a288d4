// `convert` and `dd`.
#include "guest/convert/convert.h"

namespace instar::guest {

bool RunOperation(Context& context) {
  return Convert(context, nullptr);
}

}  // namespace instar::guest
