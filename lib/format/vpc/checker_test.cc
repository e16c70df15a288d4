#include "lib/format/checker.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "lib/format/vpc/overlaps.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/seeds/seeds.h"
#include "tests/support/test_arena.h"

namespace instar::vpc {
namespace {

class Problems final : public ProblemVisitor {
 public:
  Status OnProblem(const Error& problem) override {
    faults.push_back(problem.fault);
    return {};
  }
  std::vector<Fault> faults;
};

class VpcCheckerTest : public ::testing::Test {
 protected:
  void Load(size_t seed) { file_.bytes() = fakes::VpcSeeds()[seed].bytes; }
  void SetEntry(uint64_t index, uint32_t sector) {
    Be32::Encode(file_.bytes().data() + 1536 + 4 * index, sector);
  }
  std::vector<Fault> Check() {
    Problems problems;
    const auto result = FindChecker(ByteView::Of("vpc"))
                            ->check(arena_.arena(), file_, opener_, problems);
    EXPECT_TRUE(result.ok());
    EXPECT_EQ(result.value().corruptions, problems.faults.size());
    return problems.faults;
  }

  fakes::TestArena arena_;
  fakes::MemoryFile file_;
  fakes::FakeOpener opener_;
};

using Faults = std::vector<Fault>;

TEST_F(VpcCheckerTest, FindsNothingInSoundImages) {
  Load(0);
  EXPECT_EQ(Check(), Faults{});
  Load(1);
  EXPECT_EQ(Check(), Faults{});
}

TEST_F(VpcCheckerTest, TellsABlockThatOverlapsAnother) {
  Load(0);
  SetEntry(1, 4);
  EXPECT_EQ(Check(), Faults{Fault::kCheckVpcBlocksOverlap});
  // Between two others.
  SetEntry(1, 4 + 8);
  EXPECT_EQ(Check(), Faults(2, Fault::kCheckVpcBlocksOverlap));
}

TEST_F(VpcCheckerTest, TellsABlockOnTheMetadata) {
  Load(0);
  SetEntry(0, 3);
  EXPECT_EQ(Check(), Faults{Fault::kCheckVpcBlockMetadata});
}

TEST_F(VpcCheckerTest, TellsABlockOnTheFooter) {
  Load(0);
  SetEntry(2, 4 + 10);
  EXPECT_EQ(Check(), Faults{Fault::kCheckVpcBlockFooter});
}

TEST_F(VpcCheckerTest, ComparesTheFooters) {
  Load(0);
  file_.bytes().back() ^= 1;
  EXPECT_EQ(Check(), Faults{Fault::kCheckVpcFooterDiffers});
  file_.bytes().resize(file_.bytes().size() - 512);
  EXPECT_EQ(Check(), Faults{Fault::kCheckVpcFooterMissing});
}

TEST_F(VpcCheckerTest, SumsTheDynamicHeader) {
  Load(0);
  file_.bytes()[512 + 900] ^= 1;
  EXPECT_EQ(Check(), Faults{Fault::kCheckVpcHeaderChecksum});
}

// What one pass over all blocks would tell.
class OnePass {
 public:
  explicit OnePass(uint64_t sectors) : sectors_(sectors) {}

  bool Overlaps(uint64_t entry) {
    const uint64_t bucket = entry / sectors_;
    if (!first_.emplace(bucket, entry).second) {
      return true;
    }
    const auto before = first_.find(bucket - 1);
    const auto after = first_.find(bucket + 1);
    return (before != first_.end() && entry - before->second < sectors_) ||
           (after != first_.end() && after->second - entry < sectors_);
  }

 private:
  uint64_t sectors_;
  std::map<uint64_t, uint64_t> first_;
};

TEST(OverlapFinder, TellsTheSameInSeveralPassesAsInOne) {
  fakes::TestArena arena;
  const Header header = {.block_bytes = 2048};
  constexpr uint64_t kEndSector = 3 << 20;
  auto finder =
      OverlapFinder::Create(arena.arena(), header, kEndSector * 512).value();
  // Near each other in the file and far apart in the table.
  std::vector<uint64_t> entries;
  for (uint64_t start = 0; start < 4; ++start) {
    for (uint64_t at = start * 7; at < kEndSector - 8; at += 29 + start) {
      entries.push_back(start % 2 == 0 ? at : kEndSector - 8 - at);
    }
  }
  int passes = 0;
  std::vector<int> told(entries.size());
  for (; finder.NextPass(); ++passes) {
    for (size_t i = 0; i < entries.size(); ++i) {
      told[i] += finder.Add(i, entries[i]).value() != kUnallocated ? 1 : 0;
    }
  }
  EXPECT_GT(passes, 4);
  OnePass model(4);
  for (size_t i = 0; i < entries.size(); ++i) {
    ASSERT_EQ(told[i], model.Overlaps(entries[i]) ? 1 : 0) << i;
  }
}

}  // namespace
}  // namespace instar::vpc
