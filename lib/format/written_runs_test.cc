#include "lib/format/written_runs.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/support/test_arena.h"

namespace instar {
namespace {

using Ends = std::vector<std::pair<uint64_t, uint64_t>>;

class WrittenRunsTest : public testing::Test {
 protected:
  void Init(uint64_t max_runs) {
    runs_.Init(memory_.arena(), max_runs).value();
  }
  Ends All() const {
    Ends all;
    for (const WrittenRun& run : runs_.runs()) {
      all.emplace_back(run.offset, run.end);
    }
    return all;
  }

  fakes::TestArena memory_;
  WrittenRuns runs_;
};

TEST_F(WrittenRunsTest, RunsThatTouchAreOne) {
  Init(8);
  runs_.Add(0, 10);
  runs_.Add(10, 5);
  runs_.Add(20, 5);
  EXPECT_EQ(All(), (Ends{{0, 15}, {20, 25}}));
}

TEST_F(WrittenRunsTest, RunsComeInAnyOrder) {
  Init(8);
  runs_.Add(100, 10);
  runs_.Add(0, 10);
  runs_.Add(50, 10);
  runs_.Add(5, 50);
  EXPECT_EQ(All(), (Ends{{0, 60}, {100, 110}}));
  runs_.Add(200, 1);
  runs_.Add(0, 300);
  EXPECT_EQ(All(), (Ends{{0, 300}}));
}

TEST_F(WrittenRunsTest, NothingIsLostWhenThereIsNoRoom) {
  Init(4);
  for (uint64_t i = 0; i < 1000; ++i) {
    runs_.Add(i << 20, 512);
  }
  ASSERT_LE(All().size(), 4u);
  for (uint64_t i = 0; i < 1000; ++i) {
    const uint64_t found = runs_.FirstBehind(i << 20);
    ASSERT_LT(found, All().size());
    EXPECT_LE(runs_.runs()[found].offset, i << 20);
    EXPECT_GE(runs_.runs()[found].end, (i << 20) + 512);
  }
}

TEST_F(WrittenRunsTest, NearRunsBecomeOneBeforeDistantOnes) {
  Init(3);
  runs_.Add(0, 512);
  runs_.Add(1 << 12, 512);
  runs_.Add(1 << 30, 512);
  runs_.Add(uint64_t{1} << 40, 512);
  EXPECT_EQ(All(), (Ends{{0, 4608},
                         {1 << 30, (1 << 30) + 512},
                         {uint64_t{1} << 40, (uint64_t{1} << 40) + 512}}));
}

}  // namespace
}  // namespace instar
