#include "compat/measure_text.h"

#include <gtest/gtest.h>

namespace instar::compat {
namespace {

TEST(MeasureText, BitmapsComeLastForPeopleAndFirstInJson) {
  const MeasureSizes sizes = {1, 2, 3};
  EXPECT_EQ(MeasureText(sizes),
            "required size: 1\nfully allocated size: 2\nbitmaps size: 3\n");
  EXPECT_EQ(MeasureJson(sizes),
            "{\n    \"bitmaps\": 3,\n    \"required\": 1,\n"
            "    \"fully-allocated\": 2\n}\n");
}

TEST(MeasureText, WithoutBitmapsThereIsNoLineOfThem) {
  const MeasureSizes sizes = {1, uint64_t{1} << 63, {}};
  EXPECT_EQ(MeasureText(sizes),
            "required size: 1\nfully allocated size: 9223372036854775808\n");
  EXPECT_EQ(MeasureJson(sizes),
            "{\n    \"required\": 1,\n"
            "    \"fully-allocated\": -9223372036854775808\n}\n");
}

}  // namespace
}  // namespace instar::compat
