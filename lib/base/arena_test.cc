#include "lib/base/arena.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace instar {
namespace {

struct alignas(64) Region {
  uint8_t bytes[1024];
};

TEST(Arena, PiecesAreAlignedAndDoNotOverlap) {
  Region region;
  Arena arena(MutableBytes(region.bytes, sizeof region.bytes));
  const MutableBytes first = arena.Allocate(3, 1).value();
  const MutableBytes second = arena.Allocate(8, 64).value();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(second.data()) % 64, 0U);
  EXPECT_GE(second.data(), first.data() + first.size());
}

TEST(Arena, WhatDoesNotFitIsRefusedAndLosesNothing) {
  Region region;
  Arena arena(MutableBytes(region.bytes, sizeof region.bytes));
  EXPECT_EQ(arena.Allocate(1025).error().fault, Fault::kNoMemory);
  EXPECT_EQ(arena.Allocate(UINT64_MAX).error().fault, Fault::kNoMemory);
  EXPECT_TRUE(arena.Allocate(1024).ok());
  EXPECT_FALSE(arena.Allocate(1).ok());
}

TEST(Arena, AnArrayWhoseSizeOverflowsIsRefused) {
  Region region;
  Arena arena(MutableBytes(region.bytes, sizeof region.bytes));
  EXPECT_FALSE(arena.NewArray<uint64_t>(UINT64_MAX / 4).ok());
}

TEST(Arena, RewindGivesBackWhatCameAfterTheMark) {
  Region region;
  Arena arena(MutableBytes(region.bytes, sizeof region.bytes));
  EXPECT_TRUE(arena.Allocate(100).ok());
  const uint64_t mark = arena.Mark();
  EXPECT_TRUE(arena.Allocate(900).ok());
  arena.Rewind(mark);
  EXPECT_TRUE(arena.Allocate(900).ok());
}

}  // namespace
}  // namespace instar
