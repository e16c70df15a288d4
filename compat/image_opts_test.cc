#include "compat/image_opts.h"

#include <gtest/gtest.h>

namespace instar::compat {
namespace {

const Profile kProfile = ProfileFor({7, 2, 22});
const Names kNames = NamesOf("qemu-img");

ImageOptions Parse(std::string_view text) {
  return ParseImageOptions(text, false, kNames, kProfile);
}

TEST(ImageOptions, NameDriverAndFile) {
  const ImageOptions options =
      Parse("driver=qcow2,file.driver=file,file.filename=a,,b.img");
  EXPECT_EQ(options.error, "");
  EXPECT_EQ(options.format, "qcow2");
  EXPECT_EQ(options.path, "a,b.img");
  EXPECT_EQ(Parse("file.filename=a").format, "");
}

TEST(ImageOptions, OfRawMayNameAPartOfTheFile) {
  const ImageOptions options =
      Parse("driver=raw,offset=1M,size=64k,file.filename=a");
  EXPECT_EQ(options.raw_offset, 1u << 20);
  EXPECT_EQ(options.raw_size, 64u << 10);
  EXPECT_EQ(options.shown_name,
            "json:{\"offset\": \"1M\", \"driver\": \"raw\", \"size\": \"64k\", "
            "\"file\": {\"driver\": \"file\", \"filename\": \"a\"}}");
}

TEST(ImageOptions, LastOfANameCounts) {
  EXPECT_EQ(Parse("driver=raw,file.filename=a,driver=qcow2").format, "qcow2");
}

TEST(ImageOptions, KeepAFileNameThatLooksLikeAProtocol) {
  EXPECT_EQ(Parse("driver=raw,file.filename=nbd:x").path, "file:nbd:x");
  EXPECT_EQ(Parse("driver=raw,file.filename=d/nbd:x").path, "d/nbd:x");
}

TEST(ImageOptions, AreRefusedInTheWordsOfTheirNode) {
  EXPECT_EQ(Parse("").error, "Must specify either driver or file");
  EXPECT_EQ(Parse("a.img").error,
            "Cannot find device='a.img' nor node-name='a.img'");
  EXPECT_EQ(Parse("driver=qcow2").error,
            "A block device must be specified for \"file\"");
  EXPECT_EQ(Parse("driver=raw,file.filename=a,foo=1").error,
            "Block format 'raw' does not support the option 'foo'");
  EXPECT_EQ(Parse("driver=raw,file.filename=a,file.foo=1").error,
            "Block protocol 'file' doesn't support the option 'foo'");
  EXPECT_EQ(Parse("file.driver=file").error,
            "The 'file' block driver requires a file name");
}

TEST(ImageOptions, ShortFormIsASwitchWithAWarning) {
  const ImageOptions options =
      Parse("driver=raw,file.filename=a,nocache.direct");
  EXPECT_FALSE(options.direct);
  EXPECT_EQ(options.warnings,
            "qemu-img: warning: short-form boolean option 'nocache.direct' "
            "deprecated\nPlease use cache.direct=off instead\n");
}

TEST(JsonName, IsReadAsOptionsAre) {
  const ImageOptions options = ParseJsonName(
      "json:{\"driver\": \"raw\", \"offset\": 512, \"file\": {\"driver\": "
      "\"file\", \"filename\": \"a \\\"b\\\"\"}}",
      kNames, kProfile);
  EXPECT_EQ(options.error, "");
  EXPECT_EQ(options.path, "a \"b\"");
  EXPECT_EQ(options.raw_offset, 512u);
}

TEST(JsonName, ThatEndsTooEarlySaysSo) {
  EXPECT_EQ(ParseJsonName("json:{\"driver\":", kNames, kProfile).error,
            "Could not parse the JSON options: JSON parse error, premature "
            "EOI");
  EXPECT_EQ(
      ParseJsonName("json:{\"driver\":", kNames, ProfileFor({11, 1, 3})).error,
      "Could not parse the JSON options: 1:11: JSON parse error, "
      "premature end of input");
}

TEST(JsonName, ThatIsNoObjectIsRefused) {
  EXPECT_EQ(ParseJsonName("json:[]", kNames, kProfile).error,
            "Invalid JSON object given");
}

}  // namespace
}  // namespace instar::compat
