#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/format/chain.h"
#include "lib/format/checker.h"
#include "lib/format/vdi/header.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/seeds/seeds.h"
#include "tests/support/test_arena.h"

namespace instar::vdi {
namespace {

constexpr uint32_t kStored = kExtentData | kExtentAllocated | kExtentOffset;
constexpr uint32_t kHole = kExtentZero | kExtentAllocated;

class Problems final : public ProblemVisitor {
 public:
  Status OnProblem(const Error& problem) override {
    seen.push_back(
        {static_cast<uint64_t>(problem.fault), problem.value, problem.value2});
    return {};
  }
  std::vector<std::vector<uint64_t>> seen;
};

class VdiTest : public ::testing::Test {
 protected:
  void Load(size_t seed) { file_.bytes() = fakes::VdiSeeds()[seed].bytes; }
  template <typename F>
  void Put(F field, typename F::Value value) {
    F::Encode(file_.bytes().data() + field.offset, value);
  }
  Result<Image*> Open() {
    return OpenImage(arena_.arena(), file_, ByteView::Of("vdi"), {}, opener_,
                     {});
  }
  void ExpectExtent(uint64_t offset, uint64_t length, uint32_t flags,
                    uint64_t host_offset = 0) {
    const auto extent = Open().value()->Locate(offset, 8 << 20, true);
    ASSERT_TRUE(extent.ok());
    EXPECT_EQ(extent.value().length, length);
    EXPECT_EQ(extent.value().flags, flags);
    EXPECT_EQ(extent.value().host_offset, host_offset);
  }

  fakes::TestArena arena_;
  fakes::MemoryFile file_;
  fakes::FakeOpener opener_;
};

TEST_F(VdiTest, EachBlockIsAnExtent) {
  Load(0);
  ExpectExtent(0, kBlockBytes, kStored, 1024);
  ExpectExtent(kBlockBytes + 7, kBlockBytes - 7, kHole);
  ExpectExtent(2 * kBlockBytes + 9, kBlockBytes - 9, kStored,
               1024 + kBlockBytes + 9);
  ExpectExtent(3 * kBlockBytes, kBlockBytes, kHole | kExtentEof);
}

TEST_F(VdiTest, StaticImagesFollowTheHolesOfTheFile) {
  Load(1);
  ExpectExtent(0, 600, kStored, 1024);
  // All behind the end of the file is one hole.
  ExpectExtent(600, kBlockBytes - 600, kStored | kExtentZero, 1624);
}

TEST_F(VdiTest, SizesAreRoundedUpToSectors) {
  Load(0);
  Put(HeaderLayout::kDiskSize, 3 * kBlockBytes + 1);
  EXPECT_EQ(Open().value()->virtual_size(), 3 * kBlockBytes + 512);
}

TEST_F(VdiTest, AHeaderThatCannotBeIsRefused) {
  const auto refusal = [this](auto field, auto value) {
    using F = decltype(field);
    Load(0);
    Put(field, static_cast<typename F::Value>(value));
    const auto image = Open();
    return image.ok() ? Fault::kNone : image.error().fault;
  };
  using L = HeaderLayout;
  EXPECT_EQ(refusal(L::kSignature, 0), Fault::kNotInFormat);
  EXPECT_EQ(refusal(L::kMinorVersion, 0), Fault::kVdiVersion);
  EXPECT_EQ(refusal(L::kMajorVersion, 2), Fault::kVdiVersion);
  EXPECT_EQ(refusal(L::kMapOffset, 1), Fault::kVdiMapOffset);
  EXPECT_EQ(refusal(L::kDataOffset, 1), Fault::kVdiDataOffset);
  EXPECT_EQ(refusal(L::kSectorSize, 4096), Fault::kVdiSectorSize);
  EXPECT_EQ(refusal(L::kBlockSize, 1 << 21), Fault::kVdiBlockSize);
  EXPECT_EQ(refusal(L::kDiskSize, 4 * kBlockBytes + 1), Fault::kVdiMapTooSmall);
  EXPECT_EQ(refusal(L::kDiskSize, kMaxDiskBytes + 1), Fault::kVdiSize);
  EXPECT_EQ(refusal(L::kNumBlocks, kMaxBlocks), Fault::kNone);
  EXPECT_EQ(refusal(L::kNumBlocks, kMaxBlocks + 1), Fault::kVdiTooManyBlocks);
  EXPECT_EQ(refusal(U8{L::kLinkId + 15}, 1), Fault::kVdiLink);
  EXPECT_EQ(refusal(U8{L::kParentId}, 1), Fault::kVdiParent);
}

TEST_F(VdiTest, CheckTellsWhatIsWrongInTheMapsOrder) {
  Load(0);
  Put(Le32{516}, 9);
  Put(Le32{524}, 0);
  Problems problems;
  const auto result = FindChecker(ByteView::Of("vdi"))
                          ->check(arena_.arena(), file_, opener_, problems);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().corruptions, 3u);
  const std::vector<std::vector<uint64_t>> expected = {
      {static_cast<uint64_t>(Fault::kCheckVdiBlockTooLarge), 1, 9},
      {static_cast<uint64_t>(Fault::kCheckVdiBlockShared), 0, 0},
      {static_cast<uint64_t>(Fault::kCheckVdiAllocated), 3, 2}};
  EXPECT_EQ(problems.seen, expected);
}

TEST_F(VdiTest, IsKnownByItsSignature) {
  Load(0);
  const ByteView head(file_.bytes().data(), 512);
  EXPECT_TRUE(Probe(head, ByteView()).name.Equals(ByteView::Of("vdi")));
}

}  // namespace
}  // namespace instar::vdi
