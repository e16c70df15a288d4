// Sparse, packed and flat images through Reader and Checker.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lib/format/chain.h"
#include "lib/format/checker.h"
#include "lib/format/vmdk/layout.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/seeds/seeds.h"
#include "tests/support/test_arena.h"

namespace instar::vmdk {
namespace {

constexpr uint64_t kAll = ~uint64_t{0};

std::vector<uint8_t> SeedBytes(const std::string& name) {
  for (const fakes::Seed& seed : fakes::VmdkSeeds()) {
    if (seed.name == name) {
      return seed.bytes;
    }
  }
  return {};
}

std::vector<uint8_t> Text(const std::string& extents) {
  const std::string text =
      "# x\nversion=1\nCID=1\nparentCID=2\ncreateType=\"vmfs\"\n" + extents;
  return {text.begin(), text.end()};
}

class Problems final : public ProblemVisitor {
 public:
  Status OnProblem(const Error& problem) override {
    found.push_back(problem);
    return {};
  }
  std::vector<Error> found;
};

class VmdkTest : public ::testing::Test {
 protected:
  Result<Image*> Open(fakes::MemoryFile& file) {
    return OpenImage(arena_.arena(), file, ByteView::Of("vmdk"), {}, opener_,
                     {});
  }
  Fault FaultOf(const std::string& extents) {
    fakes::MemoryFile file(Text(extents));
    const auto image = Open(file);
    return image.ok() ? Fault::kNone : image.error().fault;
  }
  Result<CheckResult> Check(fakes::MemoryFile& file, Problems& problems) {
    return FindChecker(ByteView::Of("vmdk"))
        ->check(arena_.arena(), file, opener_, problems);
  }

  fakes::TestArena arena_{4 << 20};
  fakes::FakeOpener opener_;
};

TEST_F(VmdkTest, GrainsAreOfThreeKinds) {
  fakes::MemoryFile file(SeedBytes("vmdk_sparse"));
  Image& image = *Open(file).value();
  EXPECT_EQ(image.virtual_size(), 60 * kSectorBytes);
  EXPECT_EQ(image.facts().cluster_size, 8 * kSectorBytes);
  const Extent stored = image.Locate(512, kAll, true).value();
  EXPECT_EQ(stored.length, 7 * kSectorBytes);
  EXPECT_EQ(stored.host_offset, 9 * kSectorBytes);
  EXPECT_EQ(stored.flags, kExtentData | kExtentAllocated | kExtentOffset);
  const Extent zeroed = image.Locate(4096, kAll, true).value();
  EXPECT_EQ(zeroed.flags, kExtentZero | kExtentAllocated);
  const Extent missing = image.Locate(8192, kAll, true).value();
  EXPECT_EQ(missing.length, 4096U);
  EXPECT_EQ(missing.flags, 0U);
  const Extent last = image.Locate(56 * kSectorBytes, kAll, true).value();
  EXPECT_EQ(last.length, 4 * kSectorBytes);
  EXPECT_EQ(last.flags, uint32_t{kExtentEof});
}

TEST_F(VmdkTest, APackedGrainEndsWhereItsMarkerSays) {
  fakes::MemoryFile file(SeedBytes("vmdk_stream"));
  Image& image = *Open(file).value();
  const Extent whole = image.Locate(0, kAll, true).value();
  EXPECT_EQ(whole.stored_bytes, 16 * kSectorBytes);
  const Extent grain = image.Locate(0, kAll, false).value();
  EXPECT_EQ(grain.stored_bytes, kSectorBytes);
  EXPECT_EQ(grain.cluster_bytes, 8 * kSectorBytes);
  const Extent last = image.Locate(9 * kSectorBytes, kAll, false).value();
  EXPECT_EQ(last.cluster_bytes, 7 * kSectorBytes);
  EXPECT_EQ(last.cluster_offset, kSectorBytes);
}

TEST_F(VmdkTest, APackedGrainNeedsALength) {
  std::vector<uint8_t> bytes = SeedBytes("vmdk_stream");
  bytes[4 * kSectorBytes + 8] = 0;
  fakes::MemoryFile file(bytes);
  Image& image = *Open(file).value();
  EXPECT_TRUE(image.Locate(0, kAll, true).ok());
  EXPECT_FALSE(image.Locate(0, kAll, false).ok());
}

TEST_F(VmdkTest, ExtentsOfOneNameShareAFile) {
  fakes::MemoryFile data(std::vector<uint8_t>(4096, 1));
  opener_.Add("data", data);
  fakes::MemoryFile file(
      Text("RW 2 FLAT \"data\" 1\nRW 3 FLAT \"data\" 0\nRW 9 ZERO\n"));
  Image& image = *Open(file).value();
  EXPECT_EQ(image.virtual_size(), 5 * kSectorBytes);
  const Extent first = image.Locate(0, kAll, true).value();
  EXPECT_EQ(first.host_offset, kSectorBytes);
  EXPECT_EQ(first.length, 2 * kSectorBytes);
  const Extent second = image.Locate(2 * kSectorBytes, kAll, true).value();
  EXPECT_EQ(second.host_offset, 0U);
  EXPECT_EQ(second.file, &data);
}

TEST_F(VmdkTest, AFlatExtentMayGoOnPastItsFile) {
  fakes::MemoryFile data(std::vector<uint8_t>(512, 1));
  opener_.Add("data", data);
  fakes::MemoryFile file(Text("RW 5 FLAT \"data\" 0\n"));
  Image& image = *Open(file).value();
  EXPECT_EQ(image.Locate(0, kAll, true).value().length, kSectorBytes);
  const Extent rest = image.Locate(kSectorBytes, kAll, true).value();
  EXPECT_EQ(rest.length, 4 * kSectorBytes);
  EXPECT_NE(rest.flags & kExtentZero, 0U);
}

TEST_F(VmdkTest, HostileDescriptorsAreRefused) {
  fakes::MemoryFile data(std::vector<uint8_t>(4096, 1));
  opener_.Add("data", data);
  EXPECT_EQ(FaultOf("RW 5 FLAT \"data\"\n"), Fault::kVmdkExtentLine);
  EXPECT_EQ(FaultOf("RW 5 VMFS \"data\" 0\n"), Fault::kVmdkExtentLine);
  EXPECT_EQ(FaultOf("RW 5 SPARSE \"data\"\n"), Fault::kVmdkNotVmdk);
  EXPECT_EQ(FaultOf("RW 5 SESPARSE \"data\"\n"), Fault::kVmdkSeMagic);
  EXPECT_EQ(FaultOf("RW 5 FLAT \"missing\" 0\n"), Fault::kReference);
  EXPECT_EQ(FaultOf("RW 18014398509481983 VMFS \"data\"\n"),
            Fault::kVmdkTooLarge);
  EXPECT_EQ(FaultOf("RW 5 ZERO\n"), Fault::kVmdkOpen);
  std::string many;
  for (int i = 0; i < 5000; ++i) {
    many += "RW 1 VMFS \"data\"\n";
  }
  EXPECT_EQ(FaultOf(many), Fault::kVmdkTooManyExtents);
}

TEST_F(VmdkTest, AnExtentThatIsADescriptorIsRefused) {
  std::vector<uint8_t> nested(4096, 0);
  const std::string magic = "KDMV";
  std::copy(magic.begin(), magic.end(), nested.begin());
  nested[SparseLayout::kDescriptorOffset.offset] = 1;
  fakes::MemoryFile inner(nested);
  opener_.Add("inner", inner);
  EXPECT_EQ(FaultOf("RW 5 SPARSE \"inner\"\n"), Fault::kVmdkNested);
}

TEST_F(VmdkTest, ReadingFromAParentThatChangedFails) {
  std::vector<uint8_t> bytes = SeedBytes("vmdk_sparse");
  fakes::MemoryFile below(bytes);
  fakes::MemoryFile file(bytes);
  Image& top = *Open(file).value();
  Image& parent = *Open(below).value();
  top.set_backing(&parent);
  EXPECT_TRUE(top.Locate(8192, kAll, true).ok());
  const auto read = top.Locate(8192, kAll, false);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().error, 22);
  EXPECT_TRUE(top.Locate(0, kAll, false).ok());
}

TEST_F(VmdkTest, CheckFindsAGrainBehindTheFile) {
  fakes::MemoryFile file(SeedBytes("vmdk_sparse"));
  Problems problems;
  const auto result = Check(file, problems);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().error, 22);
  ASSERT_EQ(problems.found.size(), 1U);
  EXPECT_EQ(problems.found[0].fault, Fault::kCheckVmdkPastEnd);
  EXPECT_EQ(problems.found[0].value, 24U);
}

TEST_F(VmdkTest, CheckPassesOverMissingTables) {
  std::vector<uint8_t> bytes = SeedBytes("vmdk_sparse");
  bytes[SparseLayout::kCapacity.offset + 3] = 64;  // 2^30 sectors and more
  bytes[SparseLayout::kNumGtesPerGt.offset] = 0;
  bytes[SparseLayout::kNumGtesPerGt.offset + 1] = 2;
  bytes[SparseLayout::kDirectoryOffset.offset] = 16;
  bytes[16 * kSectorBytes] = 3;
  bytes[3 * kSectorBytes + 12] = 9;
  bytes[3 * kSectorBytes + 13] = 0;
  fakes::MemoryFile file(bytes);
  Problems problems;
  EXPECT_TRUE(Check(file, problems).ok());
  EXPECT_TRUE(problems.found.empty());
}

}  // namespace
}  // namespace instar::vmdk
