#include "lib/format/checker.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/format/parallels/layout.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/seeds/builder.h"
#include "tests/support/test_arena.h"

namespace instar::parallels {
namespace {

using fakes::SeedBuilder;
using L = HeaderLayout;

constexpr uint64_t kSectors = 8;

// Clusters of one sector behind the header's.
SeedBuilder ImageOf(const std::vector<uint32_t>& bat) {
  SeedBuilder image(kSectors * kSectorBytes);
  image.PutText(0, kMagicExtended);
  image.Put<L::kVersion>(0, kVersion);
  image.Put<L::kTracks>(0, 1);
  image.Put<L::kBatEntries>(0, bat.size());
  image.Put<L::kNumSectors>(0, bat.size());
  image.Put<L::kDataOffset>(0, 1);
  for (uint64_t i = 0; i < bat.size(); ++i) {
    image.Put<Le32{0}>(L::kSize + i * kBatEntryBytes, bat[i]);
  }
  return image;
}

class Problems final : public ProblemVisitor {
 public:
  explicit Problems(ParallelsCheck rules) : rules_{.parallels = rules} {}

  Status OnProblem(const Error& problem) override {
    text_ += std::to_string(static_cast<uint32_t>(problem.fault)) + ":" +
             std::to_string(problem.value) + " ";
    return {};
  }
  CheckRules rules() const override { return rules_; }
  const std::string& text() const { return text_; }

 private:
  CheckRules rules_;
  std::string text_;
};

struct Outcome {
  std::string problems;
  CheckResult result;
};

Outcome CheckOf(const SeedBuilder& image, ParallelsCheck rules) {
  fakes::MemoryFile file(image.bytes());
  fakes::TestArena arena;
  fakes::FakeOpener opener;
  Problems problems(rules);
  const Checker* checker = FindChecker(ByteView::Of("parallels"));
  const auto result = checker->check(arena.arena(), file, opener, problems);
  return {problems.text(), result.value()};
}

TEST(ParallelsChecker, ASoundImageHasNoProblems) {
  const SeedBuilder image = ImageOf({1, 2, 0, 7});
  for (const auto rules : {ParallelsCheck::kBounds, ParallelsCheck::kClusters,
                           ParallelsCheck::kFull}) {
    const Outcome outcome = CheckOf(image, rules);
    EXPECT_EQ(outcome.problems, "");
    EXPECT_EQ(outcome.result.allocated_clusters, 3u);
    EXPECT_EQ(outcome.result.total_clusters, 4u);
    EXPECT_EQ(outcome.result.fragmented_clusters, 0u);
    EXPECT_EQ(outcome.result.image_end_offset, 8 * kSectorBytes);
  }
}

TEST(ParallelsChecker, WhatIsBehindTheLastClusterIsLeaked) {
  const Outcome outcome = CheckOf(ImageOf({1, 3}), ParallelsCheck::kBounds);
  EXPECT_EQ(outcome.problems, "683:2048 ");
  EXPECT_EQ(outcome.result.leaks, 4u);
  EXPECT_EQ(outcome.result.fragmented_clusters, 1u);
}

TEST(ParallelsChecker, OldReleasesTakeAClusterAtTheEndForOneInside) {
  const SeedBuilder image = ImageOf({1, 8, 9});
  const Outcome old = CheckOf(image, ParallelsCheck::kBounds);
  EXPECT_EQ(old.problems, "682:2 ");
  EXPECT_EQ(old.result.allocated_clusters, 3u);
  const Outcome later = CheckOf(image, ParallelsCheck::kClusters);
  EXPECT_EQ(later.problems, "682:1 682:2 683:3072 ");
  EXPECT_EQ(later.result.allocated_clusters, 1u);
}

TEST(ParallelsChecker, NewReleasesFindMore) {
  SeedBuilder image = ImageOf({1, 2, 1, 7});
  image.Put<L::kDataOffset>(0, 100);
  image.Put<L::kInUse>(0, kInUse);
  EXPECT_EQ(CheckOf(image, ParallelsCheck::kBounds).problems, "680:0 ");
  EXPECT_EQ(CheckOf(image, ParallelsCheck::kClusters).problems, "680:0 ");
  const Outcome full = CheckOf(image, ParallelsCheck::kFull);
  EXPECT_EQ(full.problems, "680:0 681:0 684:2 ");
  EXPECT_EQ(full.result.corruptions, 3u);
}

}  // namespace
}  // namespace instar::parallels
