#include "lib/base/counters.h"

#include <gtest/gtest.h>

#include <vector>

namespace instar {
namespace {

TEST(CountersTest, CountUpToTheLimit) {
  for (const bool wide : {false, true}) {
    std::vector<uint8_t> memory(Counters::Bytes(3, wide), 0xff);
    Counters counters(MutableBytes(memory.data(), memory.size()), wide);
    EXPECT_EQ(counters.size(), 3U);
    EXPECT_TRUE(counters.Add(1, 2));
    EXPECT_TRUE(counters.Add(1, 2));
    EXPECT_FALSE(counters.Add(1, 2));
    EXPECT_EQ(counters.Get(0), 0U);
    EXPECT_EQ(counters.Get(1), 2U);
    EXPECT_EQ(counters.Get(2), 0U);
  }
}

TEST(CountersTest, NarrowOnesEndAtTheirWidth) {
  std::vector<uint8_t> memory(2);
  Counters counters(MutableBytes(memory.data(), memory.size()), false);
  for (uint32_t i = 0; i < 65535; ++i) {
    ASSERT_TRUE(counters.Add(0, ~uint64_t{0}));
  }
  EXPECT_FALSE(counters.Add(0, ~uint64_t{0}));
  EXPECT_EQ(counters.Get(0), 65535U);
}

TEST(BitArrayTest, SetsSingleBits) {
  std::vector<uint8_t> memory(BitArray::Bytes(11), 0xff);
  BitArray bits(MutableBytes(memory.data(), memory.size()));
  bits.Set(0);
  bits.Set(9);
  for (uint64_t i = 0; i < 11; ++i) {
    EXPECT_EQ(bits.Get(i), i == 0 || i == 9) << i;
  }
}

TEST(CountersDeathTest, IndicesAreChecked) {
  std::vector<uint8_t> memory(2);
  const Counters counters(MutableBytes(memory.data(), memory.size()), false);
  EXPECT_DEATH(static_cast<void>(counters.Get(1)), "");
}

}  // namespace
}  // namespace instar
