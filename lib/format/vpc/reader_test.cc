#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/format/chain.h"
#include "lib/format/vpc/header.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/seeds/seeds.h"
#include "tests/support/test_arena.h"

namespace instar::vpc {
namespace {

constexpr uint64_t kGib = 1 << 30;
constexpr uint32_t kStored = kExtentData | kExtentAllocated | kExtentOffset;
constexpr uint32_t kHole = kExtentZero | kExtentAllocated;

class VpcReaderTest : public ::testing::Test {
 protected:
  void Load(size_t seed) { file_.bytes() = fakes::VpcSeeds()[seed].bytes; }
  void LoadDynamic() { Load(0); }
  void LoadFixed() {
    Load(1);
    file_.bytes().push_back(0);
  }
  // Where the footer that counts is.
  uint64_t FooterAt() const { return is_fixed() ? file_size() - 512 : 0; }

  // Changes a field of the footer, and its checksum.
  template <typename F>
  void Change(F field, typename F::Value value) {
    uint8_t* footer = file_.bytes().data() + FooterAt();
    F::Encode(footer + field.offset, value);
    constexpr uint64_t kAt = FooterLayout::kChecksum.offset;
    Be32::Encode(footer + kAt, ChecksumOf(ByteView(footer, 512), kAt));
  }
  template <typename F>
  void ChangeHeader(F field, typename F::Value value) {
    F::Encode(file_.bytes().data() + 512 + field.offset, value);
  }

  Result<Image*> Open(bool prefers_geometry = false) {
    return OpenImage(arena_.arena(), file_, ByteView::Of("vpc"), {}, opener_,
                     {.vpc_size_prefers_geometry = prefers_geometry});
  }
  uint64_t SizeBy(bool prefers_geometry) {
    const auto image = Open(prefers_geometry);
    return image.ok() ? image.value()->virtual_size() : ~uint64_t{0};
  }
  Fault Refusal() {
    const auto image = Open();
    return image.ok() ? Fault::kNone : image.error().fault;
  }

  fakes::TestArena arena_;
  fakes::MemoryFile file_;
  fakes::FakeOpener opener_;

 private:
  uint64_t file_size() const { return file_.size(); }
  bool is_fixed() const { return file_size() == 1024; }
};

void ExpectExtent(Image& image, uint64_t offset, uint64_t length,
                  uint32_t flags, uint64_t host_offset = 0) {
  const auto extent = image.Locate(offset, 1 << 20, true);
  ASSERT_TRUE(extent.ok());
  EXPECT_EQ(extent.value().length, length);
  EXPECT_EQ(extent.value().flags, flags);
  EXPECT_EQ(extent.value().host_offset, host_offset);
}

TEST_F(VpcReaderTest, StoredBlocksStandAloneBehindTheirBitmaps) {
  LoadDynamic();
  Image& image = *Open().value();
  EXPECT_EQ(image.facts().cluster_size, 4096u);
  ExpectExtent(image, 0, 4096, kStored, 2048 + 512);
  ExpectExtent(image, 8192 + 512, 4096 - 512, kStored, 6656 + 512 + 512);
}

TEST_F(VpcReaderTest, UnallocatedBlocksAreOneRun) {
  LoadDynamic();
  ChangeHeader(Be32{1024 + 8}, 0xffffffff);
  Image& image = *Open().value();
  ExpectExtent(image, 4096 + 100, 3 * 4096 - 100, kHole | kExtentEof);
  const auto part = image.Locate(5000, 6000, true);
  EXPECT_EQ(part.value().length, 6000u);
}

TEST_F(VpcReaderTest, FixedDisksFollowTheHolesOfTheFile) {
  LoadFixed();
  file_.AddHole(0, 512);
  Change(FooterLayout::kCurrentSize, 4096);
  Image& image = *Open().value();
  EXPECT_EQ(image.facts().cluster_size, 0u);
  ExpectExtent(image, 0, 512, kStored | kExtentZero, 0);
  ExpectExtent(image, 512, 512, kStored, 512);
  ExpectExtent(image, 1024, 3072, kStored | kExtentZero | kExtentEof, 1024);
}

TEST_F(VpcReaderTest, TheCreatorTellsWhichSizeHolds) {
  struct Row {
    uint32_t creator;
    bool geometry_before_10;
    bool geometry_now;
  };
  const Row rows[] = {
      {CreatorOf("vpc "), true, true},    {CreatorOf("qemu"), true, true},
      {CreatorOf("vs  "), true, false},   {CreatorOf("CXSV"), true, false},
      {CreatorOf("wa\0\0"), true, false}, {CreatorOf("win "), false, false},
      {CreatorOf("qem2"), false, false},  {CreatorOf("d2v "), false, false},
      {CreatorOf("tap\0"), false, false}, {CreatorOf("CTXS"), false, false},
  };
  LoadFixed();
  Change(FooterLayout::kCurrentSize, 1024);
  Change(FooterLayout::kCylinders, 3);
  Change(FooterLayout::kHeads, 5);
  Change(FooterLayout::kSectorsPerTrack, 7);
  constexpr uint64_t kGeometry = uint64_t{3} * 5 * 7 * 512;
  for (const Row& row : rows) {
    Change(FooterLayout::kCreator, row.creator);
    EXPECT_EQ(SizeBy(true), row.geometry_before_10 ? kGeometry : 1024);
    EXPECT_EQ(SizeBy(false), row.geometry_now ? kGeometry : 1024);
  }
}

TEST_F(VpcReaderTest, TheLargestGeometrySaysNothing) {
  LoadFixed();
  Change(FooterLayout::kCreator, CreatorOf("vpc "));
  Change(FooterLayout::kCurrentSize, 200 * kGib);
  Change(FooterLayout::kCylinders, 65535);
  Change(FooterLayout::kHeads, 16);
  Change(FooterLayout::kSectorsPerTrack, 255);
  EXPECT_EQ(SizeBy(false), 200 * kGib);
}

TEST_F(VpcReaderTest, DisksEndAt2040Gib) {
  LoadFixed();
  Change(FooterLayout::kCurrentSize, 2040 * kGib);
  EXPECT_EQ(Refusal(), Fault::kNone);
  Change(FooterLayout::kCurrentSize, 2040 * kGib + 512);
  EXPECT_EQ(Refusal(), Fault::kErrno);
}

TEST_F(VpcReaderTest, DifferencingDisksAreNotReadAlone) {
  LoadDynamic();
  Change(FooterLayout::kDiskType, kDiskDifferencing);
  EXPECT_EQ(Refusal(), Fault::kUnsupported);
}

TEST_F(VpcReaderTest, OnlyFixedDisksHaveTheirFooterAtTheEndAlone) {
  LoadFixed();
  Change(FooterLayout::kDiskType, kDiskDynamic);
  EXPECT_EQ(Refusal(), Fault::kNotInFormat);
  file_.bytes().clear();
  EXPECT_EQ(Refusal(), Fault::kVpcTooSmall);
}

TEST_F(VpcReaderTest, ADynamicHeaderThatCannotBeIsRefused) {
  const auto refusal = [this](auto field, auto value) {
    using F = decltype(field);
    LoadDynamic();
    ChangeHeader(field, static_cast<typename F::Value>(value));
    return Refusal();
  };
  using L = DynamicLayout;
  EXPECT_EQ(refusal(L::kCookie, 0), Fault::kVpcHeaderMagic);
  EXPECT_EQ(refusal(L::kBlockSize, 256), Fault::kVpcBlockSize);
  EXPECT_EQ(refusal(L::kBlockSize, 3 << 20), Fault::kVpcBlockSize);
  EXPECT_EQ(refusal(L::kMaxTableEntries, 3), Fault::kVpcTableTooSmall);
  EXPECT_EQ(refusal(L::kMaxTableEntries, 1 << 29), Fault::kVpcTableTooLarge);
  EXPECT_EQ(refusal(L::kMaxTableEntries, (1 << 29) - 1), Fault::kVpcTable);
  EXPECT_EQ(refusal(L::kTableOffset, ~uint64_t{0}), Fault::kVpcTable);
  EXPECT_EQ(refusal(L::kTableOffset, 1 << 30), Fault::kVpcTruncated);
  EXPECT_EQ(refusal(Be32{1024 + 4}, 100), Fault::kVpcTruncated);
}

TEST_F(VpcReaderTest, AWrongChecksumIsRefusedInTheFooterOnly) {
  LoadDynamic();
  ChangeHeader(DynamicLayout::kChecksum, 1);
  EXPECT_EQ(Refusal(), Fault::kNone);
  file_.bytes()[FooterLayout::kChecksum.offset] ^= 1;
  EXPECT_EQ(Refusal(), Fault::kVpcChecksum);
}

TEST(VpcProbe, KnowsDynamicDisksOnly) {
  const auto name = [](size_t seed) {
    std::vector<uint8_t> head = fakes::VpcSeeds()[seed].bytes;
    head.resize(512);
    const ByteView found =
        Probe(ByteView(head.data(), head.size()), ByteView()).name;
    return std::string(found.data(), found.data() + found.size());
  };
  EXPECT_EQ(name(0), "vpc");
  EXPECT_EQ(name(1), "raw");
}

}  // namespace
}  // namespace instar::vpc
