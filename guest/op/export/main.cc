// `convert` and `dd` to the formats that the operation `convert` leaves out.
#include "guest/convert/convert.h"

namespace instar::guest {

bool RunOperation(Context& context) {
  return Convert(context, nullptr);
}

}  // namespace instar::guest
