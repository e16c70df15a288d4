// The qcow2 checker on small images: what it reports, in which order, and that
// neither depends on how much memory it has.
#include "lib/format/checker.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/qcow2_seed.h"
#include "tests/support/test_arena.h"

namespace instar::qcow2 {

extern const Checker kChecker;

namespace {

using fakes::MemoryFile;
using fakes::Qcow2Seed;

constexpr uint64_t kCluster = 4096;
constexpr uint64_t kCopied = uint64_t{1} << 63;
constexpr uint64_t kCompressed = uint64_t{1} << 62;

struct Line {
  Fault fault;
  uint64_t value;
  uint64_t value2;
  uint64_t value3;
  bool operator==(const Line&) const = default;
};

class Lines final : public ProblemVisitor {
 public:
  CheckRules rules() const override { return rules_; }
  Status OnProblem(const Error& problem) override {
    lines.push_back(
        {problem.fault, problem.value, problem.value2, problem.value3});
    text = std::string(problem.text, problem.text + problem.text_bytes);
    return {};
  }

  CheckRules rules_;
  std::vector<Line> lines;
  std::string text;  // of the last line that has one
};

// An image of which all 16 clusters are referred to: 0 to 4 by the header and
// tables, 5 to 7 and 8 to 15 by the L2 table.
Qcow2Seed Sound() {
  Qcow2Seed seed;
  for (uint64_t i = 5; i < 16; ++i) {
    seed.PutL2Entry(i, i * kCluster | kCopied);
  }
  return seed;
}

class CheckerTest : public ::testing::Test {
 protected:
  CheckResult Check(Qcow2Seed& seed) {
    file_.bytes() = seed.bytes();
    return CheckFile();
  }
  CheckResult CheckFile(uint64_t arena_bytes = 8 << 20) {
    fakes::TestArena arena(arena_bytes);
    lines_.lines.clear();
    fakes::FakeOpener opener;
    const auto result = kChecker.check(arena.arena(), file_, opener, lines_);
    fault_ = result.ok() ? Fault::kNone : result.error().fault;
    return result.ok() ? result.value() : CheckResult{};
  }
  std::vector<Fault> Faults() const {
    std::vector<Fault> faults;
    for (const Line& line : lines_.lines) {
      faults.push_back(line.fault);
    }
    return faults;
  }
  // The only problem of `seed`.
  Line Only(Qcow2Seed& seed) {
    Check(seed);
    EXPECT_EQ(lines_.lines.size(), 1U);
    return lines_.lines.empty() ? Line{} : lines_.lines.front();
  }

  MemoryFile file_;
  Lines lines_;
  Fault fault_ = Fault::kNone;
};

TEST_F(CheckerTest, FindsNothingInASoundImage) {
  Qcow2Seed seed = Sound();
  const CheckResult result = Check(seed);
  EXPECT_TRUE(lines_.lines.empty());
  EXPECT_EQ(result.corruptions + result.leaks + result.check_errors, 0U);
  EXPECT_EQ(result.total_clusters, 64U);
  EXPECT_EQ(result.allocated_clusters, 11U);
  EXPECT_EQ(result.fragmented_clusters, 0U);
  EXPECT_EQ(result.image_end_offset, 16 * kCluster);
}

TEST_F(CheckerTest, TellsLeaksFromMissingReferences) {
  Qcow2Seed seed = Sound();
  seed.PutL2Entry(9, 0);
  seed.PutL2Entry(20, 10 * kCluster | kCopied);
  const CheckResult result = Check(seed);
  const std::vector<Line> expected = {{Fault::kCheckLeak, 9, 1, 0},
                                      {Fault::kCheckRefcountTooLow, 10, 1, 2}};
  EXPECT_EQ(lines_.lines, expected);
  EXPECT_EQ(result.leaks, 1U);
  EXPECT_EQ(result.corruptions, 1U);
  EXPECT_EQ(result.fragmented_clusters, 2U);
}

TEST_F(CheckerTest, ReportsFlagsThatDoNotFitTheRefcount) {
  Qcow2Seed seed = Sound();
  seed.PutL2Entry(9, 9 * kCluster);
  EXPECT_EQ(Only(seed), (Line{Fault::kCheckClusterCopied, 9 * kCluster, 1, 0}));
  seed = Sound();
  seed.Put(kCluster, 2 * kCluster, 8);
  EXPECT_EQ(Only(seed), (Line{Fault::kCheckL2TableCopied, 0, 2 * kCluster, 1}));
}

TEST_F(CheckerTest, PassesOverTablesWhoseRefcountCannotBeRead) {
  Qcow2Seed seed = Sound();
  seed.PutL2Entry(9, 9 * kCluster);
  seed.Put(kCluster, 2 * kCluster, 8);
  seed.Put(3 * kCluster, 4 * kCluster + 512, 8);
  const CheckResult result = Check(seed);
  EXPECT_EQ(result.check_errors, 16U);
  std::vector<Fault> expected = {Fault::kCheckRefblockUnaligned,
                                 Fault::kCheckRefblockOffset};
  expected.insert(expected.end(), 16, Fault::kCheckRefcountUnreadable);
  EXPECT_EQ(Faults(), expected);
}

TEST_F(CheckerTest, ReportsEntriesThatCannotBe) {
  Qcow2Seed seed = Sound();
  seed.PutL2Entry(9, 9 * kCluster | kCopied | 2);
  EXPECT_EQ(Only(seed).fault, Fault::kCheckL2Reserved);
  seed = Sound();
  seed.Put(kCluster, 2 * kCluster | kCopied | 1, 8);
  EXPECT_EQ(Only(seed).fault, Fault::kCheckL1Reserved);
  seed = Sound();
  seed.Put(3 * kCluster, 4 * kCluster | 1, 8);
  Check(seed);
  EXPECT_EQ(Faults(), (std::vector<Fault>{Fault::kCheckReftableReserved,
                                          Fault::kCheckLeak}));
  seed = Sound();
  seed.PutL2Entry(20, 100 * kCluster);
  EXPECT_EQ(Only(seed),
            (Line{Fault::kCheckRegionBeyondEnd, 100 * kCluster, kCluster, 0}));
}

TEST_F(CheckerTest, LeavesReservedBitsToReleasesThatLookAtThem) {
  Qcow2Seed seed = Sound();
  seed.PutL2Entry(9, 9 * kCluster | kCopied | 2);
  lines_.rules_.reserved_bits = false;
  EXPECT_EQ(Check(seed).corruptions, 0U);
}

TEST_F(CheckerTest, CountsCompressedClusters) {
  Qcow2Seed seed = Sound();
  seed.PutL2Entry(9, kCompressed | 9 * kCluster);
  const CheckResult result = Check(seed);
  EXPECT_TRUE(lines_.lines.empty());
  EXPECT_EQ(result.compressed_clusters, 1U);
  EXPECT_EQ(result.allocated_clusters, 11U);
}

TEST_F(CheckerTest, ReportsCountsThatARefcountCannotHold) {
  Qcow2Seed seed = Sound();
  seed.Put(96, 0, 4);  // one bit each
  seed.Put(4 * kCluster, 0xffff, 2);
  for (uint64_t i = 2; i < 32; ++i) {
    seed.Put(4 * kCluster + i, 0, 1);
  }
  EXPECT_EQ(Check(seed).corruptions, 0U);
  seed.PutL2Entry(20, 9 * kCluster | kCopied);
  EXPECT_EQ(Only(seed).fault, Fault::kCheckCountOverflow);
}

TEST_F(CheckerTest, NamesSnapshotsThatAreWrong) {
  Qcow2Seed seed;
  seed.AddSnapshot("1", "before");
  seed.Put(5 * kCluster, 4 * kCluster + 8, 8);
  Check(seed);
  ASSERT_FALSE(lines_.lines.empty());
  EXPECT_EQ(lines_.lines.front().fault, Fault::kCheckSnapshotL1Offset);
}

TEST_F(CheckerTest, EndsEarlyWhereTheSnapshotTableCannotBeRead) {
  Qcow2Seed seed = Sound();
  seed.Put(60, 70000, 4);
  EXPECT_EQ(Check(seed).error, 27);
  seed = Sound();
  seed.Put(64, 12, 8);
  EXPECT_EQ(Check(seed).error, 22);
}

// A file with many small clusters, most of them leaked.
TEST_F(CheckerTest, FindsTheSameWhateverMemoryThereIs) {
  Qcow2Seed seed(9);
  constexpr uint64_t kClusters = 40000;
  constexpr uint64_t kSmall = 512;
  std::vector<uint8_t>& bytes = seed.bytes();
  seed.Put(kSmall * 4 + 2 * 20, 1, 2);  // a leak
  seed.PutL2Entry(3, 30000 * kSmall | kCopied);
  seed.PutL2Entry(4, 9 * kSmall);
  bytes.resize(kClusters * kSmall);
  file_.bytes() = bytes;
  const CheckResult all = CheckFile();
  const std::vector<Line> wanted = lines_.lines;
  EXPECT_GE(wanted.size(), 4U);
  uint32_t runs = 0;
  for (uint64_t size = 2 << 20; size > 0; size -= 4096) {
    const CheckResult some = CheckFile(size);
    if (fault_ == Fault::kNoMemory) {
      break;
    }
    ++runs;
    ASSERT_EQ(lines_.lines, wanted) << size;
    EXPECT_EQ(some.corruptions, all.corruptions);
    EXPECT_EQ(some.allocated_clusters, all.allocated_clusters);
    EXPECT_EQ(some.image_end_offset, all.image_end_offset);
  }
  EXPECT_GT(runs, 10U);
}

// Nothing that stands in the metadata makes it read outside or go on forever.
TEST_F(CheckerTest, SurvivesEveryFlippedBit) {
  Qcow2Seed seed(9);
  seed.AddSnapshot("1", "before");
  seed.AddBitmap("b", 1);
  seed.PutL2Entry(1, 9 * 512 | kCopied);
  file_.bytes() = seed.bytes();
  fakes::TestArena arena(8 << 20);
  fakes::FakeOpener opener;
  for (uint64_t bit = 0; bit < uint64_t{8} * 512 * 8; ++bit) {
    const auto mask = static_cast<uint8_t>(1 << bit % 8);
    file_.bytes()[bit / 8] ^= mask;
    arena.arena().Rewind(0);
    file_.ClearLog();
    lines_.lines.clear();
    static_cast<void>(
        kChecker.check(arena.arena(), file_, opener, lines_).ok());
    EXPECT_LT(file_.log().size(), 100000U);
    file_.bytes()[bit / 8] ^= mask;
  }
}

TEST_F(CheckerTest, SurvivesTruncationAndFailedReads) {
  Qcow2Seed seed = Sound();
  seed.AddBitmap("b", 1);
  for (uint64_t size = 0; size < seed.bytes().size(); size += 100) {
    file_.bytes().assign(seed.bytes().begin(),
                         seed.bytes().begin() + static_cast<int64_t>(size));
    CheckFile();
  }
  file_.bytes() = seed.bytes();
  for (uint64_t n = 0; n < 40; ++n) {
    file_.FailAt(n, 1);
    CheckFile();
  }
}

}  // namespace
}  // namespace instar::qcow2
