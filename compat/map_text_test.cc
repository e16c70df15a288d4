#include "compat/map_text.h"

#include <gtest/gtest.h>

namespace instar::compat {
namespace {

const Profile kOldest = ProfileFor({6, 0, 0});
const Profile kMiddle = ProfileFor({7, 2, 22});
const Profile kNew = ProfileFor({11, 1, 3});

MapEntry Data(uint64_t start, uint64_t length, uint64_t offset) {
  return {.start = start,
          .length = length,
          .present = true,
          .data = true,
          .has_offset = true,
          .offset = offset,
          .filename = "a.img"};
}

std::string Json(const Profile& profile, const MapEntry& entry) {
  MapText text(profile, true);
  std::string out;
  text.Begin(out);
  text.Add(entry, out);
  text.End(out);
  return out;
}

TEST(MapText, JsonHasMoreMembersInLaterReleases) {
  const MapEntry entry = Data(0, 512, 65536);
  EXPECT_EQ(Json(kOldest, entry),
            "[{ \"start\": 0, \"length\": 512, \"depth\": 0, \"zero\": false, "
            "\"data\": true, \"offset\": 65536}]\n");
  EXPECT_EQ(Json(kMiddle, entry),
            "[{ \"start\": 0, \"length\": 512, \"depth\": 0, \"present\": "
            "true, \"zero\": false, \"data\": true, \"offset\": 65536}]\n");
  EXPECT_EQ(Json(kNew, entry),
            "[{ \"start\": 0, \"length\": 512, \"depth\": 0, \"present\": "
            "true, \"zero\": false, \"data\": true, \"compressed\": false, "
            "\"offset\": 65536}]\n");
}

TEST(MapText, HumanTableHasDataWithItsPlaceOnly) {
  MapText text(kMiddle, false);
  std::string out;
  text.Begin(out);
  EXPECT_TRUE(text.Add(Data(0, 0x10000, 0x50000), out));
  EXPECT_TRUE(text.Add({.start = 0x10000, .length = 512, .zero = true}, out));
  MapEntry hole = Data(0x10200, 512, 0x60000);
  hole.zero = true;
  EXPECT_TRUE(text.Add(hole, out));
  text.End(out);
  EXPECT_EQ(out,
            "Offset          Length          Mapped to       File\n"
            "0               0x10000         0x50000         a.img\n");
}

TEST(MapText, HumanTableHasNoWordsForDataWithoutAPlace) {
  MapText text(kMiddle, false);
  std::string out;
  EXPECT_FALSE(text.Add({.length = 512, .data = true}, out));
}

TEST(MapText, BrokenOffListEndsWhereTheNextEntryWouldBegin) {
  MapText text(kMiddle, true);
  std::string out;
  text.BreakOff(out);
  EXPECT_EQ(out, "");
  text.Add(Data(0, 512, 0), out);
  text.BreakOff(out);
  EXPECT_TRUE(out.ends_with("},\n"));
}

}  // namespace
}  // namespace instar::compat
