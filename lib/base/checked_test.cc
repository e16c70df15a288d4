#include "lib/base/checked.h"

#include <gtest/gtest.h>

#include <limits>

namespace instar {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

TEST(Checked, SumsThatFitAreExact) {
  EXPECT_EQ(CheckedAdd(2, 3).value(), 5U);
  EXPECT_EQ(CheckedAdd(kMax, 0).value(), kMax);
  EXPECT_EQ(CheckedAdd(kMax - 1, 1).value(), kMax);
}

TEST(Checked, ASumPastTheEndIsAnOverflow) {
  EXPECT_EQ(CheckedAdd(kMax, 1).error().fault, Fault::kOverflow);
  EXPECT_EQ(CheckedAdd(1, kMax).error().fault, Fault::kOverflow);
}

TEST(Checked, ADifferenceBelowZeroIsAnOverflow) {
  EXPECT_EQ(CheckedSub(3, 3).value(), 0U);
  EXPECT_EQ(CheckedSub(3, 4).error().fault, Fault::kOverflow);
}

TEST(Checked, AProductPastTheEndIsAnOverflow) {
  EXPECT_EQ(CheckedMul(1ULL << 32, 1ULL << 31).value(), 1ULL << 63);
  EXPECT_EQ(CheckedMul(1ULL << 32, 1ULL << 32).error().fault, Fault::kOverflow);
  EXPECT_EQ(CheckedMul(kMax, 0).value(), 0U);
}

TEST(Checked, AShiftThatLosesABitIsAnOverflow) {
  EXPECT_EQ(CheckedShl(1, 63).value(), 1ULL << 63);
  EXPECT_EQ(CheckedShl(2, 63).error().fault, Fault::kOverflow);
  EXPECT_EQ(CheckedShl(1, 64).error().fault, Fault::kOverflow);
  EXPECT_EQ(CheckedShl(0, 1000).error().fault, Fault::kOverflow);
}

TEST(Checked, AligningUpDoesNotWrap) {
  EXPECT_EQ(CheckedAlignUp(0, 512).value(), 0U);
  EXPECT_EQ(CheckedAlignUp(1, 512).value(), 512U);
  EXPECT_EQ(CheckedAlignUp(512, 512).value(), 512U);
  EXPECT_EQ(CheckedAlignUp(kMax - 5, 512).error().fault, Fault::kOverflow);
}

TEST(Checked, NarrowingKeepsTheValueOrFails) {
  EXPECT_EQ(Narrow<uint8_t>(255).value(), 255);
  EXPECT_EQ(Narrow<uint8_t>(256).error().fault, Fault::kOverflow);
  EXPECT_EQ(Narrow<uint32_t>(1ULL << 32).error().value, 1ULL << 32);
}

TEST(Checked, DivisionRoundsUpWithoutOverflow) {
  EXPECT_EQ(DivRoundUp(kMax, 2), (kMax >> 1) + 1);
  EXPECT_EQ(DivRoundUp(0, 7), 0U);
  EXPECT_EQ(DivRoundUp(7, 7), 1U);
}

TEST(Checked, PowersOfTwo) {
  EXPECT_FALSE(IsPowerOfTwo(0));
  EXPECT_TRUE(IsPowerOfTwo(1));
  EXPECT_TRUE(IsPowerOfTwo(1ULL << 63));
  EXPECT_FALSE(IsPowerOfTwo(3000));
}

}  // namespace
}  // namespace instar
