// `convert` to the formats that most images have.
#include "guest/convert/convert.h"

namespace instar::guest {

bool RunOperation(Context& context) {
  return Convert(context, nullptr);
}

}  // namespace instar::guest
