#include <gtest/gtest.h>

#include <vector>

#include "lib/format/chain.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/test_arena.h"

namespace instar::raw {
namespace {

class RawReaderTest : public ::testing::Test {
 protected:
  Result<Image*> TryOpen(uint64_t size, const OpenOptions& options) {
    file_.bytes().assign(size, 1);
    return OpenImage(arena_.arena(), file_, ByteView::Of("raw"), {}, opener_,
                     options);
  }
  Image& Open(uint64_t size) { return *TryOpen(size, {}).value(); }

  fakes::TestArena arena_;
  fakes::MemoryFile file_;
  fakes::FakeOpener opener_;
};

void ExpectExtent(Image& image, uint64_t offset, uint64_t length,
                  uint32_t kind) {
  const auto extent = image.Locate(offset, 1 << 20, true);
  ASSERT_TRUE(extent.ok());
  EXPECT_EQ(extent.value().length, length);
  EXPECT_EQ(extent.value().flags,
            kind | kExtentAllocated | kExtentOffset |
                (offset + length == image.virtual_size() ? kExtentEof : 0u));
  EXPECT_EQ(extent.value().host_offset, offset);
}

TEST_F(RawReaderTest, IsAsLongAsTheFileInWholeSectors) {
  EXPECT_EQ(Open(0).virtual_size(), 0u);
  EXPECT_EQ(Open(1).virtual_size(), 512u);
  EXPECT_EQ(Open(1024).virtual_size(), 1024u);
}

TEST_F(RawReaderTest, TellsTheRestOfTheLastSectorAsAHole) {
  Image& image = Open(1);
  ExpectExtent(image, 0, 1, kExtentData);
  ExpectExtent(image, 1, 511, kExtentZero);
}

TEST_F(RawReaderTest, FollowsTheHolesOfTheFile) {
  file_.AddHole(4096, 4096);
  file_.AddHole(12288, 4096);
  Image& image = Open(16384);
  ExpectExtent(image, 0, 4096, kExtentData);
  ExpectExtent(image, 5000, 3192, kExtentZero);
  ExpectExtent(image, 8192, 4096, kExtentData);
  ExpectExtent(image, 12288, 4096, kExtentZero);
}

TEST_F(RawReaderTest, JoinsATrailingHoleWithTheRestOfTheSector) {
  file_.AddHole(4096, 100);
  Image& image = Open(4196);
  ExpectExtent(image, 4096, 512, kExtentZero);
}

TEST_F(RawReaderTest, AsksNobodyWhereExactnessIsNotWanted) {
  file_.AddHole(0, 4096);
  Image& image = Open(8192);
  file_.ClearLog();
  const Extent extent = image.Locate(0, 8192, false).value();
  EXPECT_EQ(extent.length, 8192u);
  EXPECT_NE(extent.flags & kExtentData, 0u);
  EXPECT_TRUE(file_.log().empty());
}

TEST_F(RawReaderTest, RoundsDataUpToTheAlignmentOfRequests) {
  file_.set_request_alignment(512);
  Image& image = Open(700);
  ExpectExtent(image, 0, 1024, kExtentData);
}

TEST_F(RawReaderTest, PassesOnThatTheHostFails) {
  Image& image = Open(8192);
  file_.FailAt(0);
  const auto extent = image.Locate(0, 8192, true);
  ASSERT_FALSE(extent.ok());
  EXPECT_EQ(extent.error().fault, Fault::kErrno);
}

TEST_F(RawReaderTest, MayBeAPartOfTheFile) {
  file_.AddHole(4096, 4096);
  Image& image =
      *TryOpen(16384,
               {.raw_offset = 1000, .has_raw_size = true, .raw_size = 8192})
           .value();
  EXPECT_EQ(image.virtual_size(), 8192u);
  const Extent data = image.Locate(0, 8192, true).value();
  EXPECT_EQ(data.length, 3096u);
  EXPECT_EQ(data.host_offset, 1000u);
  const Extent hole = image.Locate(3096, 8192, true).value();
  EXPECT_EQ(hole.length, 4096u);
  EXPECT_NE(hole.flags & kExtentZero, 0u);
  EXPECT_EQ(hole.host_offset, 4096u);
}

TEST_F(RawReaderTest, PartMayNotLeaveTheFile) {
  EXPECT_EQ(TryOpen(1000, {.raw_offset = 1025}).error().fault,
            Fault::kRawOffset);
  EXPECT_EQ(TryOpen(1000, {.raw_offset = 1024}).value()->virtual_size(), 0u);
  EXPECT_EQ(
      TryOpen(1000, {.raw_offset = 512, .has_raw_size = true, .raw_size = 1024})
          .error()
          .fault,
      Fault::kRawRange);
  EXPECT_EQ(
      TryOpen(1000, {.has_raw_size = true, .raw_size = 700}).error().fault,
      Fault::kRawSizeUnaligned);
}

}  // namespace
}  // namespace instar::raw
