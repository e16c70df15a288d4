#include "lib/format/writers.h"

namespace instar {
#include "gen/writers.inc"

const Writer* FindWriter(ByteView name) {
  for (const Writer* writer : kWriters) {
    if (writer->name.Equals(name)) {
      return writer;
    }
  }
  return nullptr;
}

}  // namespace instar
