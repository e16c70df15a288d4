#include "compat/create_options.h"

#include <gtest/gtest.h>

#include "compat/target_options.h"

namespace instar::compat {
namespace {

Profile Of(const char* text) {
  return ProfileFor(ParseVersion(text).value());
}

const Profile& Default() {
  static const Profile profile = Of("7.2");
  return profile;
}

CreateOptions Qcow2(const Profile& profile = Default()) {
  return CreateOptions(*FindFormat("qcow2"), profile);
}

std::string ErrorOf(const char* list) {
  return Qcow2().Parse(list).value_or("");
}

constexpr char kQcow2Defaults[] =
    "Formatting 'a', fmt=qcow2 cluster_size=65536 extended_l2=off "
    "compression_type=zlib size=1048576 lazy_refcounts=off "
    "refcount_bits=16\n";

TEST(CreateOptionsTest, DefaultsAreShownInTheFormatsOrder) {
  CreateOptions options = Qcow2();
  options.SetNumber("size", 1 << 20);
  EXPECT_EQ(options.FormattingLine("a"), kQcow2Defaults);
}

TEST(CreateOptionsTest, RawShowsWhatWasSet) {
  CreateOptions options(*FindFormat("raw"), Default());
  options.SetNumber("size", 1000);
  EXPECT_EQ(options.FormattingLine("b,c"),
            "Formatting 'b,c', fmt=raw size=1000\n");
  EXPECT_EQ(options.Parse("preallocation=falloc,extent_size_hint=1M"),
            std::nullopt);
  EXPECT_EQ(options.FormattingLine("b"),
            "Formatting 'b', fmt=raw size=1000 preallocation=falloc "
            "extent_size_hint=1048576\n");
}

TEST(CreateOptionsTest, DoubledCommasStandForOneAndAreShownDoubled) {
  CreateOptions options = Qcow2();
  EXPECT_EQ(options.Parse("backing_file=a,,b,backing_fmt=raw,size=1M"),
            std::nullopt);
  EXPECT_EQ(options.Text("backing_file"), "a,b");
  EXPECT_NE(options.FormattingLine("x").find("backing_file=a,,b "),
            std::string::npos);
}

TEST(CreateOptionsTest, LaterValuesReplaceEarlierOnes) {
  CreateOptions options = Qcow2();
  EXPECT_EQ(options.Parse("cluster_size=4k,cluster_size=8k,compat=0.10"),
            std::nullopt);
  EXPECT_EQ(options.Number("cluster_size"), 8192u);
  EXPECT_EQ(options.Text("compat"), "0.10");
}

TEST(CreateOptionsTest, FlagsAreOnAndNoTurnsThemOff) {
  CreateOptions options = Qcow2();
  EXPECT_EQ(options.Parse("lazy_refcounts"), std::nullopt);
  EXPECT_EQ(options.Bool("lazy_refcounts"), true);
  EXPECT_EQ(options.Parse("nolazy_refcounts"), std::nullopt);
  EXPECT_EQ(options.Bool("lazy_refcounts"), false);
  EXPECT_EQ(options.Parse("lazy_refcounts=yes"), std::nullopt);
  EXPECT_NE(options.FormattingLine("x").find("lazy_refcounts=yes"),
            std::string::npos);
}

TEST(CreateOptionsTest, ValuesAreTyped) {
  const std::string size_error =
      "Parameter 'cluster_size' expects a non-negative number below 2^64\n"
      "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, "
      "peta-\nand exabytes, respectively.";
  EXPECT_EQ(ErrorOf("cluster_size"), size_error);
  EXPECT_EQ(ErrorOf("cluster_size=4k,,"), size_error);
  EXPECT_EQ(ErrorOf("size=99999999999E"),
            "Value '99999999999E' is out of range for parameter 'size'");
  EXPECT_EQ(ErrorOf("lazy_refcounts=maybe"),
            "Parameter 'lazy_refcounts' expects 'on' or 'off'");
  EXPECT_EQ(ErrorOf("refcount_bits=1k"),
            "Parameter 'refcount_bits' expects a number");
  EXPECT_EQ(ErrorOf("refcount_bits=99999999999999999999999"),
            "Value '99999999999999999999999' is too large for parameter "
            "'refcount_bits'");
}

TEST(CreateOptionsTest, UnknownNamesAreInvalid) {
  EXPECT_EQ(ErrorOf("nosuch=1"), "Invalid parameter 'nosuch'");
  EXPECT_EQ(ErrorOf("nosuch"), "Invalid parameter 'such'");
  EXPECT_EQ(ErrorOf("=x"), "Invalid parameter ''");
  EXPECT_EQ(ErrorOf("help=3"), "Invalid parameter 'help'");
  EXPECT_EQ(ErrorOf("keep_data_file=on"), "Invalid parameter 'keep_data_file'");
  EXPECT_EQ(Qcow2(Of("11.1")).Parse("keep_data_file=on"), std::nullopt);
}

TEST(CreateOptionsTest, NumbersAreShownAsSignedOnes) {
  CreateOptions options = Qcow2();
  EXPECT_EQ(options.Parse("refcount_bits=-1,size=8E"), std::nullopt);
  const std::string line = options.FormattingLine("x");
  EXPECT_NE(line.find("refcount_bits=-1"), std::string::npos);
  EXPECT_NE(line.find("size=-9223372036854775808"), std::string::npos);
}

TEST(CreateOptionsTest, ListsDoNotEndInACommaThatStandsForNothing) {
  for (const char* text : {"", ",", ",size=1", ",,size=1", "a,", "a=1,,,"})
    EXPECT_FALSE(IsOptionList(text)) << text;
  for (const char* text : {"a", "a=1,,", "a=1,,,,", "a,b=c"})
    EXPECT_TRUE(IsOptionList(text)) << text;
}

TEST(CreateOptionsTest, HelpIsAnElementByItself) {
  for (const char* text : {"help", "?", "x,help", "size=1,,,help", "help,x=3"})
    EXPECT_TRUE(AsksForHelp(text)) << text;
  for (const char* text : {"", "help=on", "size=1,,help", "?x", "helpx"})
    EXPECT_FALSE(AsksForHelp(text)) << text;
}

TEST(CreateOptionsTest, HelpNamesProtocolOptionsWhereAFileIsNamed) {
  const std::string alone =
      CreateOptionsHelp(*FindFormat("raw"), Default(), false);
  EXPECT_EQ(
      alone.rfind("Supported raw options:\n  size=<size>            - ", 0),
      0u);
  EXPECT_NE(alone.find("\nThe protocol level may support further options.\n"),
            std::string::npos);
  const std::string with_file =
      CreateOptionsHelp(*FindFormat("raw"), Default(), true);
  EXPECT_EQ(
      with_file.rfind("Supported options:\n  extent_size_hint=<size> - ", 0),
      0u);
  EXPECT_NE(with_file.find("\n  nocow=<bool (on/off)>  - "), std::string::npos);
}

std::string CreationError(const char* version, const char* list) {
  const Profile profile = Of(version);
  CreateOptions options = Qcow2(profile);
  EXPECT_EQ(options.Parse(list), std::nullopt);
  return ReadTargetOptions(*FindFormat("qcow2"), options, profile)
      .creation_error;
}

TEST(TargetOptionsTest, NamesForValuesAreCheckedInQemusOrder) {
  EXPECT_EQ(CreationError("6.1", "compat=0.42"), "Invalid parameter '0.42'");
  EXPECT_EQ(CreationError("6.2", "compat=0.42"),
            "Parameter 'version' does not accept value '0.42'");
  EXPECT_EQ(CreationError("7.2", "compression_type=lzma,compat=4"),
            "Parameter 'version' does not accept value '4'");
  EXPECT_EQ(CreationError("7.2", "compression_type=lzma"),
            "Parameter 'compression-type' does not accept value 'lzma'");
  EXPECT_EQ(CreationError("7.2", "backing_fmt=raw"),
            "Backing format cannot be used without backing file");
  EXPECT_EQ(CreationError("7.2", "compat=v3,preallocation=full"), "");
}

TEST(TargetOptionsTest, OptionsReachTheConfiguration) {
  CreateOptions options = Qcow2();
  ASSERT_EQ(options.Parse("compat=0.10,cluster_size=2M,refcount_bits=16,"
                          "lazy_refcounts=on,preallocation=falloc,"
                          "compression_type=zstd,extended_l2=off,"
                          "data_file=d,data_file_raw=on"),
            std::nullopt);
  const TargetOptions read =
      ReadTargetOptions(*FindFormat("qcow2"), options, Default());
  const proto::Qcow2Options& qcow2 = read.target.qcow2();
  EXPECT_EQ(read.target.format(), "qcow2");
  EXPECT_EQ(read.target.preallocation(), proto::PREALLOCATION_FALLOC);
  EXPECT_EQ(qcow2.version(), 2u);
  EXPECT_EQ(qcow2.cluster_size(), 2u << 20);
  EXPECT_TRUE(qcow2.lazy_refcounts());
  EXPECT_TRUE(qcow2.has_extended_l2());
  EXPECT_EQ(qcow2.compression(), proto::COMPRESSION_ZSTD);
  EXPECT_EQ(qcow2.data_file(), "d");
  EXPECT_TRUE(qcow2.data_file_raw());
  EXPECT_EQ(read.unsupported, "");
}

TEST(TargetOptionsTest, EncryptionIsRefusedClearly) {
  for (const char* list :
       {"encryption=on", "encrypt.format=luks", "encrypt.key-secret=s"}) {
    CreateOptions options = Qcow2();
    ASSERT_EQ(options.Parse(list), std::nullopt);
    EXPECT_EQ(
        ReadTargetOptions(*FindFormat("qcow2"), options, Default()).unsupported,
        "Encryption is not supported by this version of instar")
        << list;
  }
}

}  // namespace
}  // namespace instar::compat
