#include "lib/format/layering.h"

namespace instar {
#include "gen/layerings.inc"

const Layering* FindLayering(ByteView name) {
  for (const Layering* layering : kLayerings) {
    if (layering->name.Equals(name)) {
      return layering;
    }
  }
  return nullptr;
}

}  // namespace instar
