#include "lib/format/qcow2/refcount_field.h"

#include <gtest/gtest.h>

#include <array>

namespace instar::qcow2 {
namespace {

using Block = std::array<uint8_t, 16>;

Block With(uint64_t order, uint64_t index, uint64_t value, uint8_t fill = 0) {
  Block block;
  block.fill(fill);
  PutRefcount(MutableBytes(block.data(), block.size()), order, index, value);
  return block;
}

TEST(RefcountField, TheFirstOfAByteIsInItsLowestBits) {
  EXPECT_EQ(With(0, 0, 1)[0], 0x01);
  EXPECT_EQ(With(0, 9, 1)[1], 0x02);
  EXPECT_EQ(With(1, 1, 3)[0], 0x0c);
  EXPECT_EQ(With(2, 3, 0xa)[1], 0xa0);
}

TEST(RefcountField, NeighboursInAByteStay) {
  EXPECT_EQ(With(0, 3, 0, 0xff)[0], 0xf7);
  EXPECT_EQ(With(1, 2, 1, 0xff)[0], 0xdf);
  EXPECT_EQ(With(2, 0, 5, 0xff)[0], 0xf5);
}

TEST(RefcountField, WiderOnesAreBigEndian) {
  EXPECT_EQ(With(3, 2, 0xab)[2], 0xab);
  const Block two = With(4, 1, 0x1234);
  EXPECT_EQ(two[2], 0x12);
  EXPECT_EQ(two[3], 0x34);
  EXPECT_EQ(With(5, 1, 0x12345678)[4], 0x12);
  const Block eight = With(6, 1, 0x0102030405060708);
  EXPECT_EQ(eight[8], 0x01);
  EXPECT_EQ(eight[15], 0x08);
}

}  // namespace
}  // namespace instar::qcow2
