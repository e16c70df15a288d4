#include "lib/convert/equal.h"

#include "lib/base/checked.h"
#include "lib/convert/split.h"

namespace instar::convert {
namespace {

using Vector [[gnu::vector_size(16), gnu::aligned(1), gnu::may_alias]] =
    long long;

ByteView SectorAt(ByteView bytes, uint64_t index) {
  const uint64_t start = index * kSectorBytes;
  return bytes.Slice(start, Min(kSectorBytes, bytes.size() - start)).value();
}

bool IsEqual(ByteView a, ByteView b) {
  const uint8_t* at = a.data();
  const uint8_t* other = b.data();
  uint64_t left = a.size();
  for (; left >= 64; left -= 64, at += 64, other += 64) {
    const auto* v = reinterpret_cast<const Vector*>(at);
    const auto* w = reinterpret_cast<const Vector*>(other);
    const Vector any =
        ((v[0] ^ w[0]) | (v[1] ^ w[1])) | ((v[2] ^ w[2]) | (v[3] ^ w[3]));
    if ((any[0] | any[1]) != 0) {
      return false;
    }
  }
  for (; left != 0; --left, ++at, ++other) {
    if (*at != *other) {
      return false;
    }
  }
  return true;
}

}  // namespace

uint64_t FirstDifferentSector(ByteView a, ByteView b) {
  INSTAR_CHECK(a.size() == b.size());
  const uint64_t count = DivRoundUp(a.size(), kSectorBytes);
  uint64_t index = 0;
  while (index < count && IsEqual(SectorAt(a, index), SectorAt(b, index))) {
    ++index;
  }
  return index;
}

uint64_t FirstNonzeroSector(ByteView bytes) {
  const uint64_t count = DivRoundUp(bytes.size(), kSectorBytes);
  uint64_t index = 0;
  while (index < count && IsZero(SectorAt(bytes, index))) {
    ++index;
  }
  return index;
}

}  // namespace instar::convert
