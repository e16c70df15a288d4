// `convert -c`: to formats that hold packed clusters.
#include "guest/convert/convert.h"

namespace instar::guest {

bool RunOperation(Context& context) {
  return Convert(context, &ClusterPacking::Create);
}

}  // namespace instar::guest
