#include "lib/format/writers.h"

// A guest that writes some formats only lists those.
#ifndef WRITERS_INC
#define WRITERS_INC "gen/writers.inc"
#endif

namespace instar {
#include WRITERS_INC

const Writer* FindWriter(ByteView name) {
  for (const Writer* writer : kWriters) {
    if (writer->name.Equals(name)) {
      return writer;
    }
  }
  return nullptr;
}

}  // namespace instar
