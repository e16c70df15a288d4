#include "lib/format/chain.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/format/qcow2/layout.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/qcow2_seed.h"
#include "tests/support/test_arena.h"

namespace instar {
namespace {

using fakes::Qcow2Seed;

constexpr uint64_t kCluster = 4096;

Qcow2Seed Overlay(const std::string& backing) {
  Qcow2Seed seed;
  seed.SetBackingFile(backing);
  return seed;
}

class ChainTest : public ::testing::Test {
 protected:
  fakes::MemoryFile& AddFile(const std::string& name,
                             std::vector<uint8_t> bytes) {
    const auto slot = static_cast<uint32_t>(files_.size());
    files_.push_back(
        std::make_unique<fakes::MemoryFile>(std::move(bytes), slot));
    opener_.Add(name, *files_.back());
    return *files_.back();
  }
  Result<Image*> Open(File& top) {
    return OpenChain(arena_.arena(), top, {}, {}, opener_, {}, failure_);
  }

  fakes::TestArena arena_{64 << 20};
  fakes::FakeOpener opener_;
  std::vector<std::unique_ptr<fakes::MemoryFile>> files_;
  ChainFailure failure_;
};

TEST_F(ChainTest, FindsReadersByNameAndByProbing) {
  EXPECT_NE(FindReader(ByteView::Of("raw")), nullptr);
  EXPECT_NE(FindReader(ByteView::Of("qcow2")), nullptr);
  EXPECT_EQ(FindReader(ByteView::Of("qcow3")), nullptr);
  std::vector<uint8_t> head(512);
  const ByteView view(head.data(), head.size());
  EXPECT_TRUE(Probe(view, {}).name.Equals(ByteView::Of("raw")));
  const Qcow2Seed seed;
  Qcow2Seed copy = seed;
  EXPECT_TRUE(Probe(ByteView(copy.bytes().data(), 512), {})
                  .name.Equals(ByteView::Of("qcow2")));
  copy.Put(4, 1, 4);
  EXPECT_TRUE(Probe(ByteView(copy.bytes().data(), 512), {})
                  .name.Equals(ByteView::Of("qcow")));
  copy.Put(4, 0, 4);
  EXPECT_TRUE(Probe(ByteView(copy.bytes().data(), 512), {})
                  .name.Equals(ByteView::Of("raw")));
}

TEST_F(ChainTest, RefusesAnUnknownFormat) {
  File& file = AddFile("a", std::vector<uint8_t>(512));
  const auto image =
      OpenImage(arena_.arena(), file, ByteView::Of("nope"), {}, opener_, {});
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().fault, Fault::kUnknownDriver);
  EXPECT_TRUE(Text(image.error()).Equals(ByteView::Of("nope")));
}

TEST_F(ChainTest, DescendsWhereALayerLeavesBytesToItsBackingFile) {
  Qcow2Seed middle = Overlay("base");
  middle.PutL2Entry(1, qcow2::kEntryCopied | 8 * kCluster);
  Qcow2Seed top = Overlay("middle");
  top.PutL2Entry(0, qcow2::kEntryZero);
  File& file = AddFile("top", top.bytes());
  AddFile("middle", middle.bytes());
  AddFile("base", std::vector<uint8_t>(3 * kCluster, 7));
  const auto opened = Open(file);
  ASSERT_TRUE(opened.ok());
  Image* image = opened.value();
  Image* owner = nullptr;

  Extent extent = LocateAbove(image, nullptr, 0, 1 << 20, true, &owner).value();
  EXPECT_EQ(extent.length, kCluster);
  EXPECT_EQ(extent.flags, kExtentZero | kExtentAllocated);
  EXPECT_EQ(owner, image);

  extent = LocateAbove(image, nullptr, kCluster, 1 << 20, true, &owner).value();
  EXPECT_EQ(extent.length, kCluster);
  EXPECT_EQ(extent.host_offset, 8 * kCluster);
  EXPECT_EQ(owner, image->backing());

  extent =
      LocateAbove(image, nullptr, 2 * kCluster, 1 << 20, true, &owner).value();
  EXPECT_EQ(extent.length, kCluster);
  EXPECT_EQ(extent.flags, kExtentData | kExtentAllocated | kExtentOffset);
  EXPECT_EQ(owner, image->backing()->backing());
}

TEST_F(ChainTest, ReadsZeroesBehindAShorterBackingFile) {
  Qcow2Seed top = Overlay("base");
  File& file = AddFile("top", top.bytes());
  AddFile("base", std::vector<uint8_t>(3 * kCluster, 7));
  Image* image = Open(file).value();
  const Extent extent =
      LocateAbove(image, nullptr, 3 * kCluster, 1 << 20, true, nullptr).value();
  EXPECT_EQ(extent.length, 61 * kCluster);
  EXPECT_EQ(extent.flags, kExtentZero | kExtentAllocated | kExtentEof);
  // The top layer by itself does not decide.
  const Extent alone =
      LocateAbove(image, image->backing(), 3 * kCluster, 1 << 20, true, nullptr)
          .value();
  EXPECT_EQ(alone.flags, kExtentZero | kExtentEof);
}

TEST_F(ChainTest, LeavesToTheBaseWhatNoLayerAboveItAllocates) {
  Qcow2Seed top = Overlay("base");
  File& file = AddFile("top", top.bytes());
  AddFile("base", std::vector<uint8_t>(64 * kCluster, 7));
  Image* image = Open(file).value();
  const Extent extent =
      LocateAbove(image, image->backing(), 0, 1 << 20, true, nullptr).value();
  EXPECT_EQ(extent.flags, uint32_t{kExtentEof});
  const Extent nothing =
      LocateAbove(image, image, 0, 1000, true, nullptr).value();
  EXPECT_EQ(nothing.length, 1000u);
  EXPECT_EQ(nothing.flags, 0u);
}

TEST_F(ChainTest, ReadsZeroesWhereNoLayerHasAnything) {
  Qcow2Seed seed;
  File& file = AddFile("top", seed.bytes());
  Image* image = Open(file).value();
  const Extent extent =
      LocateAbove(image, nullptr, 0, 1 << 20, true, nullptr).value();
  EXPECT_EQ(extent.length, 64 * kCluster);
  EXPECT_EQ(extent.flags, kExtentZero | kExtentEof);
}

TEST_F(ChainTest, TellsWhichLayerFailed) {
  File& file = AddFile("top", Overlay("middle").bytes());
  Qcow2Seed middle = Overlay("missing");
  File& named = AddFile("middle", middle.bytes());
  const auto missing = Open(file);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().fault, Fault::kReference);
  EXPECT_EQ(failure_.file, &named);
  EXPECT_EQ(failure_.depth, 1u);

  middle.Put(4, 9, 4);
  files_[1]->bytes() = middle.bytes();
  const auto bad = Open(file);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().fault, Fault::kQcow2Version);
  EXPECT_EQ(failure_.depth, 1u);
}

TEST_F(ChainTest, ARawImageMayHaveToShowAPartitionTable) {
  opener_.set_rules({.raw_needs_table = true});
  fakes::MemoryFile file(std::vector<uint8_t>(1024, 0));
  const auto open = [&](ByteView format) {
    return OpenImage(arena_.arena(), file, format, {}, opener_, {});
  };
  EXPECT_EQ(open({}).error().fault, Fault::kPolicyRawProbed);
  EXPECT_TRUE(open(ByteView::Of("raw")).ok());
  file.bytes()[510] = 0x55;
  file.bytes()[511] = 0xaa;
  EXPECT_TRUE(open({}).ok());
}

TEST_F(ChainTest, AnImageMayHaveToBeOfABoundedSize) {
  Qcow2Seed seed;
  fakes::MemoryFile file(seed.bytes());
  for (const bool fits : {true, false}) {
    opener_.set_rules(
        {.max_virtual_bytes = seed.virtual_size() - (fits ? 0 : 1)});
    EXPECT_EQ(OpenImage(arena_.arena(), file, {}, {}, opener_, {}).ok(), fits);
  }
}

TEST_F(ChainTest, EndsAChainThatNeverEnds) {
  File& file = AddFile("top", Overlay("top").bytes());
  const auto image = Open(file);
  ASSERT_FALSE(image.ok());
  EXPECT_TRUE(image.error().fault == Fault::kChainTooDeep ||
              image.error().fault == Fault::kNoMemory);
}

}  // namespace
}  // namespace instar
