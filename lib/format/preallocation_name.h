// What the command line calls a kind of preallocation, for messages.
#pragma once

#include "lib/base/bytes.h"
#include "lib/format/target.h"

namespace instar {

inline ByteView NameOf(Preallocation mode) {
  switch (mode) {
    case Preallocation::kOff:
      return ByteView::Of("off");
    case Preallocation::kMetadata:
      return ByteView::Of("metadata");
    case Preallocation::kFalloc:
      return ByteView::Of("falloc");
    case Preallocation::kFull:
      return ByteView::Of("full");
  }
  return {};
}

// `fault` with that name.
inline Error ModeError(Fault fault, Preallocation mode) {
  const ByteView name = NameOf(mode);
  return {.fault = fault,
          .text = name.data(),
          .text_bytes = static_cast<uint32_t>(name.size())};
}

}  // namespace instar
