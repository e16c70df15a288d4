#include "lib/format/checker.h"

#include <gtest/gtest.h>

#include "lib/format/qed/layout.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/seeds/builder.h"
#include "tests/support/test_arena.h"

namespace instar::qed {
namespace {

using fakes::SeedBuilder;
using L = HeaderLayout;

constexpr uint64_t kCluster = 4096;
constexpr uint64_t kL1 = kCluster;
constexpr uint64_t kL2 = 3 * kCluster;

// Header, two tables of two clusters, three data clusters.
SeedBuilder Sound() {
  SeedBuilder image(8 * kCluster);
  image.Put<L::kMagic>(0, kMagic);
  image.Put<L::kClusterSize>(0, kCluster);
  image.Put<L::kTableSize>(0, 2);
  image.Put<L::kHeaderSize>(0, 1);
  image.Put<L::kL1TableOffset>(0, kL1);
  image.Put<L::kImageSize>(0, 100 * kCluster);
  image.Put<Le64{0}>(kL1, kL2);
  image.Put<Le64{0}>(kL2, 5 * kCluster);
  image.Put<Le64{0}>(kL2 + 8, 6 * kCluster);
  image.Put<Le64{0}>(kL2 + 16, kZeroCluster);
  image.Put<Le64{0}>(kL2 + 24, 7 * kCluster);
  return image;
}

class NoProblems final : public ProblemVisitor {
 public:
  Status OnProblem(const Error& /*problem*/) override {
    ADD_FAILURE() << "qemu-img has no words for what is wrong in a QED image";
    return {};
  }
};

Result<CheckResult> CheckOf(const SeedBuilder& image,
                            uint64_t failing_access = ~uint64_t{0}) {
  fakes::MemoryFile file(image.bytes());
  file.FailAt(failing_access);
  fakes::TestArena arena;
  fakes::FakeOpener opener;
  NoProblems visitor;
  const Checker* checker = FindChecker(ByteView::Of("qed"));
  return checker->check(arena.arena(), file, opener, visitor);
}

TEST(QedChecker, ASoundImageHasNoProblems) {
  const CheckResult result = CheckOf(Sound()).value();
  EXPECT_EQ(result.corruptions, 0u);
  EXPECT_EQ(result.leaks, 0u);
  EXPECT_EQ(result.check_errors, 0u);
  EXPECT_EQ(result.total_clusters, 100u);
  EXPECT_EQ(result.allocated_clusters, 3u);
  EXPECT_EQ(result.fragmented_clusters, 0u);
}

TEST(QedChecker, AClusterThatNothingRefersToIsLeaked) {
  SeedBuilder image = Sound();
  image.Put<Le64{0}>(kL2 + 8, kUnallocated);
  const CheckResult result = CheckOf(image).value();
  EXPECT_EQ(result.leaks, 1u);
  EXPECT_EQ(result.fragmented_clusters, 1u);
}

TEST(QedChecker, EachFurtherReferenceIsACorruption) {
  SeedBuilder image = Sound();
  image.Put<Le64{0}>(kL2 + 8, 5 * kCluster);
  image.Put<Le64{0}>(kL2 + 24, kL1);
  const CheckResult result = CheckOf(image).value();
  EXPECT_EQ(result.corruptions, 2u);
  EXPECT_EQ(result.leaks, 2u);
}

TEST(QedChecker, ATableThatIsInUseIsNotFollowed) {
  SeedBuilder image = Sound();
  image.Put<Le64{0}>(kL1, kL1);
  const CheckResult result = CheckOf(image).value();
  EXPECT_EQ(result.corruptions, 2u);
  EXPECT_EQ(result.leaks, 5u);
  EXPECT_EQ(result.allocated_clusters, 0u);
}

TEST(QedChecker, OffsetsOutsideOrUnalignedAreCorruptions) {
  SeedBuilder image = Sound();
  image.Put<Le64{0}>(kL1 + 8, 7 * kCluster);  // its second cluster is outside
  image.Put<Le64{0}>(kL2, 8 * kCluster);
  image.Put<Le64{0}>(kL2 + 8, 513);
  EXPECT_EQ(CheckOf(image).value().corruptions, 3u);
}

TEST(QedChecker, ATableThatCannotBeReadIsACheckError) {
  EXPECT_FALSE(CheckOf(Sound(), 0).ok());
  EXPECT_EQ(CheckOf(Sound(), 1).value().check_errors, 1u);
}

}  // namespace
}  // namespace instar::qed
