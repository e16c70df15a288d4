#include "lib/format/used_clusters.h"

#include <gtest/gtest.h>

#include "tests/support/test_arena.h"

namespace instar {
namespace {

TEST(UsedClusters, TellsWhatWasMarkedBefore) {
  fakes::TestArena arena(1 << 16);
  UsedClusters used = UsedClusters::Create(arena.arena(), 100).value();
  EXPECT_FALSE(used.Mark(7));
  EXPECT_TRUE(used.Mark(7));
  EXPECT_FALSE(used.Mark(99));
  EXPECT_EQ(used.marked(), 2u);
  EXPECT_FALSE(used.NextPass().value());
}

TEST(UsedClusters, WhatDoesNotFitIsDoneInAFurtherPass) {
  fakes::TestArena arena(1 << 14);
  const uint64_t far = uint64_t{1} << 40;
  UsedClusters used = UsedClusters::Create(arena.arena(), far * 2).value();
  for (int pass = 0; pass < 2; ++pass) {
    EXPECT_EQ(used.is_first_pass(), pass == 0);
    EXPECT_FALSE(used.Mark(3));
    EXPECT_FALSE(used.Mark(far));
    EXPECT_EQ(used.Mark(far), pass == 1);
    EXPECT_EQ(used.NextPass().value(), pass == 0);
  }
  EXPECT_EQ(used.marked(), 2u);
}

TEST(UsedClusters, PassesHaveAnEnd) {
  fakes::TestArena arena(1 << 14);
  UsedClusters used =
      UsedClusters::Create(arena.arena(), uint64_t{1} << 40).value();
  Result<bool> more = true;
  uint64_t passes = 0;
  for (; more.ok() && more.value() && passes < 1000; ++passes) {
    for (uint64_t i = 0; i < 1000; ++i) {
      used.Mark(i << 20);
    }
    more = used.NextPass();
  }
  EXPECT_FALSE(more.ok());
  EXPECT_EQ(passes, UsedClusters::kMaxPasses);
}

}  // namespace
}  // namespace instar
