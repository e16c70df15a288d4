#include "lib/format/qcow2/refcount_field.h"

namespace instar::qcow2 {

void PutRefcount(MutableBytes block, uint64_t order, uint64_t index,
                 uint64_t value) {
  switch (order) {
    case 3:
      block.Put<U8>(index, static_cast<uint8_t>(value)).value();
      return;
    case 4:
      block.Put<Be16>(index * 2, static_cast<uint16_t>(value)).value();
      return;
    case 5:
      block.Put<Be32>(index * 4, static_cast<uint32_t>(value)).value();
      return;
    case 6:
      block.Put<Be64>(index * 8, value).value();
      return;
    default: {
      // Several to a byte, the first in its lowest bits.
      const uint64_t width = uint64_t{1} << order;
      const uint64_t bit = index << order;
      const uint64_t old = block.view().At<U8>(bit / 8).value();
      const uint64_t mask = ((uint64_t{1} << width) - 1) << (bit % 8);
      const uint64_t byte = (old & ~mask) | (value << (bit % 8));
      block.Put<U8>(bit / 8, static_cast<uint8_t>(byte)).value();
    }
  }
}

}  // namespace instar::qcow2
