// A raw image grows with its file.
#include "lib/format/growing.h"

namespace instar {
namespace {

constexpr uint8_t kName[] = {'r', 'a', 'w'};

Status Grow(Arena& /*arena*/, File& file, const Image& /*image*/,
            uint64_t size) {
  return file.Truncate(size, FilePreallocation::kSparse);
}

}  // namespace

constinit const Grower kRawGrower = {.format = ByteView{kName, sizeof kName},
                                     .grow = &Grow};

}  // namespace instar
