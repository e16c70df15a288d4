#include "lib/convert/equal.h"

#include <gtest/gtest.h>

#include <vector>

namespace instar::convert {
namespace {

using Bytes = std::vector<uint8_t>;

ByteView ViewOf(const Bytes& bytes) {
  return {bytes.data(), bytes.size()};
}

TEST(FirstDifferentSector, IsTheNumberOfSectorsWhereNothingDiffers) {
  const Bytes a(1200, 7);
  EXPECT_EQ(FirstDifferentSector(ViewOf(a), ViewOf(a)), 3U);
  EXPECT_EQ(FirstDifferentSector({}, {}), 0U);
}

TEST(FirstDifferentSector, FindsEveryByte) {
  const Bytes a(1100, 7);
  for (size_t i = 0; i < a.size(); ++i) {
    Bytes b = a;
    b[i] ^= 1;
    EXPECT_EQ(FirstDifferentSector(ViewOf(a), ViewOf(b)), i / 512) << i;
  }
}

TEST(FirstNonzeroSector, FindsEveryByte) {
  const Bytes zeroes(1100, 0);
  EXPECT_EQ(FirstNonzeroSector(ViewOf(zeroes)), 3U);
  for (size_t i = 0; i < zeroes.size(); ++i) {
    Bytes b = zeroes;
    b[i] = 0x80;
    EXPECT_EQ(FirstNonzeroSector(ViewOf(b)), i / 512) << i;
  }
}

}  // namespace
}  // namespace instar::convert
