#include <gtest/gtest.h>

#include "lib/format/chain.h"
#include "lib/format/checker.h"
#include "lib/format/vhdx/crc32c.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/test_arena.h"
#include "tests/support/vhdx_seed.h"

namespace instar::vhdx {
namespace {

using fakes::MemoryFile;
using fakes::VhdxSeed;

constexpr uint64_t kBlock = 1 << 20;

TEST(Crc32c, IsCastagnolis) {
  Crc32c crc;
  crc.Add(ByteView::Of("123456789"));
  EXPECT_EQ(crc.value(), 0xe3069283u);
}

class VhdxReaderTest : public ::testing::Test {
 protected:
  Result<Image*> Open(VhdxSeed& seed, bool replay = false) {
    seed.Seal();
    file_.bytes() = seed.bytes();
    arena_.arena().Rewind(0);
    return OpenImage(arena_.arena(), file_, ByteView::Of("vhdx"), {}, opener_,
                     {.replay_log = replay});
  }
  Fault FaultOf(VhdxSeed& seed) {
    const auto image = Open(seed);
    return image.ok() ? Fault::kNone : image.error().fault;
  }

  fakes::TestArena arena_;
  fakes::FakeOpener opener_;
  MemoryFile file_;
};

TEST_F(VhdxReaderTest, SizesComeFromTheMetadata) {
  VhdxSeed seed;
  const auto image = Open(seed);
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(image.value()->virtual_size(), 4 * kBlock);
  EXPECT_EQ(image.value()->facts().cluster_size, kBlock);
}

TEST_F(VhdxReaderTest, AllIsDataWhereBlockStatusIsAsked) {
  VhdxSeed seed;
  Image& image = *Open(seed).value();
  const Extent extent = image.Locate(5, ~uint64_t{0}, true).value();
  EXPECT_EQ(extent.length, 4 * kBlock - 5);
  EXPECT_EQ(extent.flags, kExtentData | kExtentAllocated | kExtentEof);
}

TEST_F(VhdxReaderTest, BlocksAreWhereTheBatSays) {
  VhdxSeed seed;
  Image& image = *Open(seed).value();
  const Extent first = image.Locate(10, ~uint64_t{0}, false).value();
  EXPECT_EQ(first.length, kBlock - 10);
  EXPECT_EQ(first.host_offset, seed.block_offset() + 10);
  EXPECT_EQ(first.flags, kExtentData | kExtentAllocated | kExtentOffset);
  const Extent rest = image.Locate(kBlock, ~uint64_t{0}, false).value();
  EXPECT_EQ(rest.length, 3 * kBlock);
  EXPECT_EQ(rest.flags, kExtentZero | kExtentAllocated | kExtentEof);
}

TEST_F(VhdxReaderTest, StatesFourAndSevenCannotBeRead) {
  for (const uint64_t state : {0u, 1u, 2u, 3u, 4u, 5u, 7u}) {
    VhdxSeed seed;
    seed.SetBatEntry(0, state);
    const auto extent = Open(seed).value()->Locate(0, 1, false);
    EXPECT_EQ(extent.ok(), state != 4 && state != 7) << state;
  }
}

TEST_F(VhdxReaderTest, TheNewerValidHeaderCounts) {
  VhdxSeed seed;
  seed.Put(kHeaderOffsets[0] + 64, 9, 2);  // its log version
  EXPECT_EQ(FaultOf(seed), Fault::kNone);
  seed.Put(kHeaderOffsets[0] + 8, 3, 8);
  EXPECT_EQ(FaultOf(seed), Fault::kVhdxLogVersion);
}

TEST_F(VhdxReaderTest, EqualSequenceNumbersNeedEqualHeaders) {
  VhdxSeed seed;
  seed.Put(kHeaderOffsets[0] + 8, 2, 8);
  EXPECT_EQ(FaultOf(seed), Fault::kNone);
  seed.Put(kHeaderOffsets[0] + 4000, 1, 1);
  EXPECT_EQ(FaultOf(seed), Fault::kVhdxNoHeader);
}

TEST_F(VhdxReaderTest, ABlockMayNotOverlapWithARegion) {
  VhdxSeed seed;
  seed.AddRegion({1, 1}, kBlock + 512, 512, 0);
  const auto image = Open(seed);
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().fault, Fault::kVhdxRegionOverlap);
  EXPECT_EQ(image.error().value, kBlock);
  EXPECT_EQ(image.error().value2, kBlock + 512);
  EXPECT_EQ(image.error().value3, kBlock << 32 | 512);
}

TEST_F(VhdxReaderTest, ARegionThatIsRequiredMustBeKnown) {
  VhdxSeed seed;
  seed.AddRegion({1, 1}, 8 * kBlock, 512, 0);
  EXPECT_EQ(FaultOf(seed), Fault::kNone);
  seed.AddRegion({1, 1}, 9 * kBlock, 512, 1);
  EXPECT_EQ(FaultOf(seed), Fault::kVhdxRegionUnknown);
}

TEST_F(VhdxReaderTest, ABlockMustLieInTheFile) {
  VhdxSeed seed;
  seed.SetBatEntry(1, 2 * kBlock | kPayloadFullyPresent);
  EXPECT_EQ(FaultOf(seed), Fault::kVhdxBatStart);
  seed.SetBatEntry(1, ~uint64_t{0} << 20 | kPayloadFullyPresent);
  EXPECT_EQ(FaultOf(seed), Fault::kVhdxBatOverflow);
  seed.SetBatEntry(1, 0);
  seed.bytes().resize(2 * kBlock - 512);
  EXPECT_EQ(FaultOf(seed), Fault::kVhdxBatEnd);
}

class Collect final : public ProblemVisitor {
 public:
  Status OnProblem(const Error& problem) override {
    faults.push_back(problem.fault);
    return {};
  }
  std::vector<Fault> faults;
};

TEST_F(VhdxReaderTest, CheckingCountsWhatOpeningRefuses) {
  VhdxSeed seed;
  seed.SetBatEntry(1, ~uint64_t{0} << 20 | kPayloadFullyPresent);
  seed.SetBatEntry(2, 0 | kPayloadFullyPresent);
  seed.Seal();
  file_.bytes() = seed.bytes();
  Collect problems;
  const auto result = FindChecker(ByteView::Of("vhdx"))
                          ->check(arena_.arena(), file_, opener_, problems);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().corruptions, 3u);
  const std::vector<Fault> expected = {Fault::kCheckVhdxBatOverflow,
                                       Fault::kCheckVhdxBatStart,
                                       Fault::kCheckVhdxRegionOverlap};
  EXPECT_EQ(problems.faults, expected);
}

}  // namespace
}  // namespace instar::vhdx
