#include "compat/profile.h"

#include <gtest/gtest.h>

namespace instar::compat {
namespace {

Profile Of(const char* text) {
  return ProfileFor(ParseVersion(text).value());
}

TEST(ProfileTest, VersionsParseWithOneTwoOrThreeNumbers) {
  EXPECT_EQ(ParseVersion("8"), (Version{8, 0, 0}));
  EXPECT_EQ(ParseVersion("8.2"), (Version{8, 2, 0}));
  EXPECT_EQ(ParseVersion("v7.2.22"), (Version{7, 2, 22}));
  EXPECT_EQ(ParseVersion("7.2.22 (Debian 1:7.2+dfsg-7)"), (Version{7, 2, 22}));
}

TEST(ProfileTest, OtherTextIsNoVersion) {
  for (const char* text :
       {"", "v", "x", "7.", "7.2.", "7.2x", "7..2", "1.2.3.4", "99999.1"})
    EXPECT_FALSE(ParseVersion(text).has_value()) << text;
}

TEST(ProfileTest, LateReleasesOf100AreDebians) {
  EXPECT_FALSE(ParseVersion("10.0.3")->debian);
  EXPECT_TRUE(ParseVersion("10.0.13")->debian);
  EXPECT_TRUE(ParseVersion("10.0.2-debian")->debian);
  EXPECT_TRUE(ParseVersion("10.0.2+ds-0+deb13u1")->debian);
  EXPECT_FALSE(ParseVersion("10.1.3")->debian);
}

TEST(ProfileTest, VersionsOutsideTheTableAreItsEnds) {
  EXPECT_EQ(Of("2.11").version, kOldest);
  EXPECT_EQ(Of("99.0").version, kNewest);
  EXPECT_TRUE(Of("99.0").getopt_reports_errors);
}

TEST(ProfileTest, StableReleasesKeepTheirSeries) {
  EXPECT_FALSE(Of("6.0.1").backing_format_required);
  EXPECT_TRUE(Of("6.1.0").backing_format_required);
  EXPECT_FALSE(Of("8.0.5").detected_format_hint_ends_line);
  EXPECT_TRUE(Of("8.1.0").detected_format_hint_ends_line);
  EXPECT_FALSE(Of("10.0.3").help_per_command);
  EXPECT_TRUE(Of("10.0.13").help_per_command);
}

TEST(ProfileTest, CopyrightYearsFollowTheReleases) {
  EXPECT_EQ(Of("5.2").copyright_year, 2020);
  EXPECT_EQ(Of("6.2").copyright_year, 2021);
  EXPECT_EQ(Of("8.0.5").copyright_year, 2022);
  EXPECT_EQ(Of("8.2").copyright_year, 2023);
  EXPECT_EQ(Of("9.2.3").copyright_year, 2024);
  EXPECT_EQ(Of("10.0").copyright_year, 2025);
  EXPECT_EQ(Of("11.1.3").copyright_year, 2026);
}

}  // namespace
}  // namespace instar::compat
