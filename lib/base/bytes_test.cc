#include "lib/base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace instar {
namespace {

constexpr uint8_t kBytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08};
constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

ByteView View() {
  return {kBytes, sizeof kBytes};
}

TEST(ByteView, NumbersHaveTheirFieldsByteOrder) {
  EXPECT_EQ(View().At<Be16>(0).value(), 0x0102);
  EXPECT_EQ(View().At<Le16>(0).value(), 0x0201);
  EXPECT_EQ(View().At<Be32>(4).value(), 0x05060708U);
  EXPECT_EQ(View().At<Le64>(0).value(), 0x0807060504030201ULL);
  EXPECT_EQ(View().At<U8>(7).value(), 8);
}

TEST(ByteView, ANumberThatDoesNotFitIsOutOfBounds) {
  EXPECT_EQ(View().At<Be32>(5).error().fault, Fault::kOutOfBounds);
  EXPECT_EQ(View().At<U8>(8).error().fault, Fault::kOutOfBounds);
  EXPECT_EQ(View().At<Be64>(kMax - 3).error().fault, Fault::kOutOfBounds);
}

TEST(ByteView, SlicesDoNotWrapAround) {
  EXPECT_EQ(View().Slice(8, 0).value().size(), 0U);
  EXPECT_FALSE(View().Slice(9, 0).ok());
  EXPECT_FALSE(View().Slice(4, 5).ok());
  EXPECT_FALSE(View().Slice(4, kMax).ok());
  EXPECT_FALSE(View().Slice(kMax, 2).ok());
}

TEST(ByteView, ARecordIsCheckedOnce) {
  const auto record = View().Fixed<8>(0);
  ASSERT_TRUE(record.ok());
  constexpr Be32 kTail{4};
  EXPECT_EQ(record.value().Get<kTail>(), 0x05060708U);
  EXPECT_FALSE(View().Fixed<8>(1).ok());
}

TEST(ByteView, EqualityComparesLengthAndBytes) {
  EXPECT_TRUE(ByteView::Of("abc").Equals(ByteView::Of("abc")));
  EXPECT_FALSE(ByteView::Of("abc").Equals(ByteView::Of("abcd")));
  EXPECT_TRUE(ByteView::Of("abcd").StartsWith(ByteView::Of("abc")));
  EXPECT_FALSE(ByteView::Of("ab").StartsWith(ByteView::Of("abc")));
  EXPECT_TRUE(ByteView().Equals(ByteView()));
}

TEST(MutableBytes, WritesStayInside) {
  uint8_t storage[4] = {};
  const MutableBytes bytes(storage, sizeof storage);
  EXPECT_TRUE(bytes.Put<Be32>(0, 0x01020304).ok());
  EXPECT_EQ(storage[3], 4);
  EXPECT_FALSE(bytes.Put<Be32>(1, 0).ok());
  EXPECT_FALSE(bytes.PutBytes(2, ByteView::Of("abc")).ok());
  EXPECT_EQ(storage[2], 3);
}

TEST(Cursor, AFailedReadMovesNothing) {
  Cursor cursor(View());
  EXPECT_EQ(cursor.Read<Be32>().value(), 0x01020304U);
  EXPECT_FALSE(cursor.Read<Be64>().ok());
  EXPECT_EQ(cursor.remaining(), 4U);
  EXPECT_EQ(cursor.ReadBytes(4).value().size(), 4U);
  EXPECT_TRUE(cursor.AtEnd());
}

}  // namespace
}  // namespace instar
