#include "vmm/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "gen/guest.pb.h"
#include "vmm/guest_memory.h"
#include "vmm/io.h"
#include "vmm/open_file.h"
#include "vmm/policy.h"
#include "vmm/request_check.h"

namespace instar::vmm {
namespace {

struct FilesTest : testing::Test {
  std::string directory;

  void SetUp() override {
    std::string name = testing::TempDir() + "filesXXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory = name + "/";
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  std::string Make(const std::string& name, const std::string& content) const {
    std::ofstream(directory + name) << content;
    return directory + name;
  }
  Outputs Target(const std::string& name) const {
    return {.target = directory + name, .data_file = "", .backing = ""};
  }
  static int64_t Open(Files& files, const std::string& name,
                      proto::Role role = proto::ROLE_BACKING) {
    return files.OpenReference(0, role, name, "");
  }
};

TEST_F(FilesTest, SaysWhyASourceDoesNotOpen) {
  Files files({}, {});
  EXPECT_FALSE(files.OpenSource(directory + "none", CacheMode::kWriteback));
  EXPECT_EQ(files.error().error, ENOENT);
  EXPECT_EQ(files.error().path, directory + "none");
  EXPECT_FALSE(files.OpenSource(directory, CacheMode::kWriteback));
  EXPECT_TRUE(files.error().not_regular);
  ASSERT_EQ(mkfifo((directory + "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(files.OpenSource(directory + "fifo", CacheMode::kWriteback));
  EXPECT_TRUE(files.error().not_regular);
}

TEST_F(FilesTest, OpensABackingFileBesideTheImageForReadingOnly) {
  Files files({}, {});
  ASSERT_TRUE(files.OpenSource(Make("a", "x"), CacheMode::kWriteback));
  Make("b", "y");
  ASSERT_EQ(Open(files, "b"), 1);
  EXPECT_EQ(files.path(1), directory + "b");
  EXPECT_FALSE(files.entry(1)->writable);
}

TEST_F(FilesTest, RefusesProtocolsInBackingNames) {
  Files files({}, {});
  ASSERT_TRUE(files.OpenSource(Make("a", "x"), CacheMode::kWriteback));
  EXPECT_EQ(Open(files, "nbd:localhost"), -EPROTONOSUPPORT);
  EXPECT_EQ(Open(files, "json:{}"), -EPROTONOSUPPORT);
  EXPECT_EQ(Open(files, "file:" + Make("c", "z")), 1);
}

TEST_F(FilesTest, TakesADataFileNameLiterally) {
  Files files({}, {});
  ASSERT_TRUE(files.OpenSource(Make("a", "x"), CacheMode::kWriteback));
  EXPECT_EQ(Open(files, "json:{}", proto::ROLE_DATA_FILE), -ENOENT);
  EXPECT_EQ(Open(files, Make("d", "x"), proto::ROLE_DATA_FILE), 1);
}

TEST_F(FilesTest, FindsALoopInAChain) {
  Files files({}, {});
  ASSERT_TRUE(files.OpenSource(Make("a", "x"), CacheMode::kWriteback));
  Make("b", "y");
  ASSERT_EQ(symlink("a", (directory + "link").c_str()), 0);
  ASSERT_EQ(Open(files, "b"), 1);
  EXPECT_EQ(files.OpenReference(1, proto::ROLE_BACKING, "link", ""), -ELOOP);
  EXPECT_EQ(Open(files, "a"), -ELOOP);
  EXPECT_EQ(files.size(), 2U);
}

// A target, the backing file that it names, and what that names.
struct WrittenLayerTest : FilesTest {
  void OpenLayers(Files& files) const {
    Make("top", "x");
    Make("mid", "y");
    Make("low", "z");
    ASSERT_EQ(Open(files, "", proto::ROLE_TARGET), 0);
    ASSERT_EQ(Open(files, "mid"), 1);
    ASSERT_EQ(files.OpenReference(1, proto::ROLE_BACKING, "low", ""), 2);
  }
  Outputs Committed(std::optional<std::string> base = {}) const {
    Outputs outputs = Target("top");
    outputs.create = false;
    outputs.commits = true;
    outputs.base = std::move(base);
    return outputs;
  }
  static int64_t Ask(Files& files, uint32_t slot) {
    return files.OpenReference(slot, proto::ROLE_COMMIT_BASE, "", "");
  }
};

TEST_F(WrittenLayerTest, IsTheOneBelowTheTarget) {
  Files files({}, Committed());
  OpenLayers(files);
  EXPECT_EQ(Ask(files, 2), -ENOENT);
  EXPECT_EQ(Ask(files, 1), 1);
  EXPECT_TRUE(files.entry(1)->writable);
  EXPECT_FALSE(files.entry(2)->writable);
}

TEST_F(WrittenLayerTest, IsTheOneThatTheUserNames) {
  Files files({}, Committed("./low"));
  OpenLayers(files);
  EXPECT_EQ(Ask(files, 1), -ENOENT);
  EXPECT_EQ(Ask(files, 2), 2);
  EXPECT_FALSE(files.entry(1)->writable);
}

TEST_F(WrittenLayerTest, IsTheOnlyOne) {
  Files files({}, Committed());
  OpenLayers(files);
  Make("other", "x");
  ASSERT_EQ(Ask(files, 1), 1);
  ASSERT_EQ(Open(files, "other"), 3);
  EXPECT_EQ(Ask(files, 3), -EPERM);
}

TEST_F(WrittenLayerTest, IsNoneOfAnotherCommand) {
  Outputs outputs = Committed();
  outputs.commits = false;
  Files files({}, outputs);
  OpenLayers(files);
  EXPECT_EQ(Ask(files, 0), -EPERM);
  EXPECT_EQ(Ask(files, 1), -EPERM);
}

TEST_F(WrittenLayerTest, IsTheFileThatWasOpened) {
  Files files({}, Committed());
  OpenLayers(files);
  Make("replaced", "x");
  std::filesystem::rename(directory + "replaced", directory + "mid");
  EXPECT_EQ(Ask(files, 1), -ESTALE);
  EXPECT_FALSE(files.entry(1)->writable);
}

TEST_F(WrittenLayerTest, IsNamedOrAllowedUnderTheStrictPolicy) {
  {
    Files files({.strict = true, .allowed = {}}, Committed());
    OpenLayers(files);
    EXPECT_EQ(Ask(files, 1), -EACCES);
  }
  {
    Files files({.strict = true, .allowed = {}}, Committed("mid"));
    OpenLayers(files);
    EXPECT_EQ(Ask(files, 1), 1);
  }
  Files files({.strict = true, .allowed = {directory}}, Committed());
  OpenLayers(files);
  EXPECT_EQ(Ask(files, 1), 1);
}

TEST_F(FilesTest, StaysBeneathTheImageUnderTheStrictPolicy) {
  Files files({.strict = true, .allowed = {}}, {});
  std::filesystem::create_directory(directory + "sub");
  Make("outside", "x");
  Make("sub/beside", "x");
  ASSERT_TRUE(files.OpenSource(Make("sub/a", "x"), CacheMode::kWriteback));
  EXPECT_EQ(Open(files, "beside"), 1);
  EXPECT_EQ(Open(files, "../outside"), -EACCES);
  EXPECT_EQ(Open(files, directory + "outside"), -EACCES);
  EXPECT_EQ(Open(files, "/etc/passwd"), -EACCES);
  ASSERT_EQ(symlink("../outside", (directory + "sub/link").c_str()), 0);
  EXPECT_EQ(Open(files, "link"), -EACCES);
}

TEST_F(FilesTest, OpensAllowedDirectoriesUnderTheStrictPolicy) {
  std::filesystem::create_directory(directory + "sub");
  Files files({.strict = true, .allowed = {directory}}, {});
  const std::string outside = Make("outside", "x");
  ASSERT_TRUE(files.OpenSource(Make("sub/a", "x"), CacheMode::kWriteback));
  EXPECT_EQ(Open(files, outside), 1);
}

TEST_F(FilesTest, TouchesNoOutputBeforeTheGuestAsks) {
  Make("out", "old");
  Files files({}, Target("out"));
  EXPECT_EQ(std::filesystem::file_size(directory + "out"), 3U);
  ASSERT_EQ(Open(files, "", proto::ROLE_TARGET), 0);
  EXPECT_EQ(std::filesystem::file_size(directory + "out"), 0U);
  EXPECT_TRUE(files.entry(0)->reads_zero);
  files.RemoveCreated();
  EXPECT_FALSE(std::filesystem::exists(directory + "out"));
}

TEST_F(FilesTest, MakesExtentsBesideTheOutputAndRemovesThem) {
  Outputs outputs = Target("disk.vmdk");
  outputs.has_extents = true;
  Files files({}, outputs);
  ASSERT_EQ(Open(files, "", proto::ROLE_TARGET), 0);
  ASSERT_EQ(Open(files, "disk-s001.vmdk", proto::ROLE_TARGET_EXTENT), 1);
  EXPECT_TRUE(files.entry(1)->writable);
  // Asked for again it is the same file.
  EXPECT_EQ(Open(files, "disk-s001.vmdk", proto::ROLE_TARGET_EXTENT), 1);
  files.RemoveCreated();
  EXPECT_FALSE(std::filesystem::exists(directory + "disk-s001.vmdk"));
}

TEST_F(FilesTest, OpensNoExtentThatIsNotNamedAfterTheOutput) {
  Make("other", "x");
  Outputs outputs = Target("disk.vmdk");
  outputs.has_extents = true;
  Files files({}, outputs);
  ASSERT_EQ(Open(files, "", proto::ROLE_TARGET), 0);
  for (const char* name :
       {"other", "disk.vmdk", "x/disk-flat.vmdk", "disk-s01.vmdk",
        "disk-s0x1.vmdk", "disk-x001.vmdk", "/etc/passwd"}) {
    EXPECT_EQ(Open(files, name, proto::ROLE_TARGET_EXTENT), -EACCES) << name;
    EXPECT_TRUE(files.error().foreign_extent) << name;
  }
  EXPECT_EQ(files.size(), 1U);
}

TEST_F(FilesTest, AnOutputWithoutExtentsHasNone) {
  Files files({}, Target("disk.vmdk"));
  ASSERT_EQ(Open(files, "", proto::ROLE_TARGET), 0);
  EXPECT_EQ(Open(files, "disk-flat.vmdk", proto::ROLE_TARGET_EXTENT), -EACCES);
  EXPECT_FALSE(std::filesystem::exists(directory + "disk-flat.vmdk"));
}

TEST_F(FilesTest, AnExtentOfAnExistingOutputMustExist) {
  Make("disk.vmdk", "x");
  Outputs outputs = Target("disk.vmdk");
  outputs.has_extents = true;
  outputs.create = false;
  Files files({}, outputs);
  ASSERT_EQ(Open(files, "", proto::ROLE_TARGET), 0);
  EXPECT_EQ(Open(files, "disk-flat.vmdk", proto::ROLE_TARGET_EXTENT), -ENOENT);
  Make("disk-flat.vmdk", "data");
  ASSERT_EQ(Open(files, "disk-flat.vmdk", proto::ROLE_TARGET_EXTENT), 1);
  EXPECT_EQ(files.info(1).size_bytes, 4U);
}

TEST_F(FilesTest, DoesNotRemoveAFileThatTookTheOutputsName) {
  Files files({}, Target("out"));
  ASSERT_EQ(Open(files, "", proto::ROLE_TARGET), 0);
  std::filesystem::remove(directory + "out");
  Make("out", "another");
  files.RemoveCreated();
  EXPECT_TRUE(std::filesystem::exists(directory + "out"));
}

TEST_F(FilesTest, NamesTheLockThatIsRefused) {
  Files writer({}, {.target = Make("a", "x"),
                    .create = false,
                    .data_file = "",
                    .backing = ""});
  ASSERT_EQ(Open(writer, "", proto::ROLE_TARGET), 0);
  ASSERT_EQ(writer.Claim(0, abi::kClaimRead | abi::kClaimWrite), 0);
  Files reader({}, {});
  ASSERT_TRUE(reader.OpenSource(directory + "a", CacheMode::kWriteback));
  EXPECT_EQ(reader.Claim(0, abi::kClaimRead), 0);
  EXPECT_EQ(reader.Claim(0, abi::kClaimUnshareWrite), -EAGAIN);
  EXPECT_STREQ(reader.error().lock, "write");
  EXPECT_TRUE(reader.error().lock_is_shared);
}

TEST_F(FilesTest, RefusesAWriterWhereAReaderDoesNotShare) {
  Files reader({}, {});
  ASSERT_TRUE(reader.OpenSource(Make("a", "x"), CacheMode::kWriteback));
  ASSERT_EQ(reader.Claim(0, abi::kClaimUnshareWrite), 0);
  Files writer({}, {.target = directory + "a",
                    .create = false,
                    .data_file = "",
                    .backing = ""});
  ASSERT_EQ(Open(writer, "", proto::ROLE_TARGET), 0);
  EXPECT_EQ(writer.Claim(0, abi::kClaimWrite), -EAGAIN);
  EXPECT_STREQ(writer.error().lock, "write");
  EXPECT_FALSE(writer.error().lock_is_shared);
  // The refused claim left no lock behind.
  Files another({}, {});
  ASSERT_TRUE(another.OpenSource(directory + "a", CacheMode::kWriteback));
  EXPECT_EQ(another.Claim(0, abi::kClaimUnshareWrite), 0);
}

TEST_F(FilesTest, DoesNotEmptyAFileThatSomebodyUses) {
  Files reader({}, {});
  ASSERT_TRUE(reader.OpenSource(Make("a", "text"), CacheMode::kWriteback));
  ASSERT_EQ(reader.Claim(0, abi::kClaimUnshareWrite), 0);
  Files creator({}, Target("a"));
  EXPECT_EQ(Open(creator, "", proto::ROLE_TARGET), -EAGAIN);
  EXPECT_STREQ(creator.error().lock, "write");
  EXPECT_EQ(std::filesystem::file_size(directory + "a"), 4U);
}

TEST_F(FilesTest, IgnoresSharingWithForceShare) {
  Files holder({}, {});
  ASSERT_TRUE(holder.OpenSource(Make("a", "x"), CacheMode::kWriteback));
  Files writer({}, {.target = directory + "a",
                    .create = false,
                    .data_file = "",
                    .backing = ""});
  ASSERT_EQ(Open(writer, "", proto::ROLE_TARGET), 0);
  ASSERT_EQ(writer.Claim(0, abi::kClaimWrite), 0);
  Files forced({.allowed = {}, .force_share = true}, {});
  ASSERT_TRUE(forced.OpenSource(directory + "a", CacheMode::kWriteback));
  EXPECT_EQ(forced.Claim(0, abi::kClaimRead | abi::kClaimUnshareWrite), 0);
}

// ---- File calls
// --------------------------------------------------------------

struct FileCallTest : FilesTest {
  GuestMemory memory = NewMemory();
  uint8_t* buffer = memory.at(abi::kArenaOffset);

  static GuestMemory NewMemory() {
    auto made =
        GuestMemory::Map(abi::kMinMemoryBytes, GuestMemory::Sharing::kPrivate);
    made->set_map(BuildMemoryMap(abi::kMinMemoryBytes, 1, {}));
    return std::move(*made);
  }
  int64_t Do(Files& files, abi::Request request) {
    request.buffer = abi::GuestAddress{abi::kGuestBase + abi::kArenaOffset};
    EXPECT_EQ(CheckRequest(request, 1, files, memory), "");
    return ExecuteFileCall(request, files, memory);
  }
};

TEST_F(FileCallTest, ReadsWhatThereIs) {
  Files files({}, {});
  ASSERT_TRUE(files.OpenSource(Make("a", "hello"), CacheMode::kWriteback));
  EXPECT_EQ(Do(files, {.call = abi::Call::kRead, .offset = 1, .length = 100}),
            4);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(buffer), 4), "ello");
  EXPECT_EQ(Do(files, {.call = abi::Call::kRead, .offset = 9, .length = 100}),
            0);
}

TEST_F(FileCallTest, ZeroesGrowTheFile) {
  Files files({}, Target("out"));
  ASSERT_EQ(Open(files, "", proto::ROLE_TARGET), 0);
  buffer[0] = 'x';
  EXPECT_EQ(Do(files, {.call = abi::Call::kWrite, .length = 1}), 1);
  for (const uint32_t flags : {0U, uint32_t{abi::kZeroMayUnmap}}) {
    EXPECT_EQ(Do(files, {.call = abi::Call::kZero,
                         .flags = flags,
                         .offset = 0,
                         .length = 70000 + flags}),
              0);
    EXPECT_EQ(files.info(0).size_bytes, 70000 + flags);
  }
  EXPECT_EQ(Do(files, {.call = abi::Call::kRead, .length = 1}), 1);
  EXPECT_EQ(buffer[0], 0);
}

TEST_F(FileCallTest, TruncateAllocatesWhatItAdds) {
  Files files({}, Target("out"));
  ASSERT_EQ(Open(files, "", proto::ROLE_TARGET), 0);
  for (const uint32_t flags :
       {uint32_t{abi::kTruncateFalloc}, uint32_t{abi::kTruncateFull}}) {
    EXPECT_EQ(Do(files, {.call = abi::Call::kTruncate}), 0);
    EXPECT_EQ(
        Do(files,
           {.call = abi::Call::kTruncate, .flags = flags, .offset = 1 << 20}),
        0);
    EXPECT_EQ(files.info(0).size_bytes, 1U << 20);
    EXPECT_GE(files.info(0).allocated_bytes, 1U << 20);
  }
}

TEST_F(FileCallTest, ExtentsCoverTheRangeInOrder) {
  Files files({}, Target("out"));
  ASSERT_EQ(Open(files, "", proto::ROLE_TARGET), 0);
  Do(files, {.call = abi::Call::kTruncate, .offset = 4 << 20});
  Do(files, {.call = abi::Call::kWrite, .offset = 1 << 20, .length = 65536});
  const int64_t count = Do(files, {.call = abi::Call::kExtents,
                                   .offset = 100,
                                   .length = 8 << 20,
                                   .slot2 = 16});
  ASSERT_GE(count, 1);
  uint64_t at = 100;
  for (int64_t i = 0; i < count; ++i) {
    abi::HostExtent extent;
    std::memcpy(&extent, buffer + i * static_cast<int64_t>(sizeof extent),
                sizeof extent);
    EXPECT_EQ(extent.offset, at);
    at += extent.length;
  }
  EXPECT_EQ(at, 4U << 20);
}

TEST_F(FileCallTest, CopiesAndCompares) {
  Files files({}, Target("out"));
  ASSERT_TRUE(files.OpenSource(Make("a", "0123456789"), CacheMode::kWriteback));
  ASSERT_EQ(Open(files, "", proto::ROLE_TARGET), 1);
  abi::Request request = {.call = abi::Call::kCopy,
                          .offset = 2,
                          .length = 100,
                          .offset2 = 5,
                          .slot2 = 1};
  EXPECT_EQ(Do(files, request), 8);
  EXPECT_EQ(files.info(1).size_bytes, 13U);
  request.call = abi::Call::kCompare;
  EXPECT_EQ(Do(files, request), 100);
  request.offset = 3;
  EXPECT_EQ(Do(files, request), 0);
}

TEST_F(FileCallTest, DirectFilesTakeAnyOffset) {
  Files files({}, Target("out"));
  const std::string path = Make("a", std::string(10000, 'q'));
  if (!files.OpenSource(path, CacheMode::kNone)) {
    GTEST_SKIP() << "no O_DIRECT here";
  }
  EXPECT_EQ(Do(files, {.call = abi::Call::kRead, .offset = 1, .length = 9000}),
            9000);
  EXPECT_EQ(Do(files, {.call = abi::Call::kRead, .offset = 0, .length = 8192}),
            8192);
  EXPECT_EQ(buffer[8191], 'q');
}

TEST_F(FileCallTest, ChecksNameTheRule) {
  Files files({}, {});
  ASSERT_TRUE(files.OpenSource(Make("a", "x"), CacheMode::kWriteback));
  const auto check = [&](abi::Request request) {
    return CheckRequest(request, 1, files, memory);
  };
  EXPECT_EQ(check({.call = abi::Call::kWrite}), "write: to a read-only file");
  EXPECT_EQ(check({.call = abi::Call::kFlush, .slot = 1}), "flush: bad slot");
  EXPECT_EQ(check({.call = abi::Call::kRead, .offset = UINT64_MAX}),
            "read: offset out of range");
  EXPECT_EQ(check({.call = abi::Call::kFlush, .flags = 1}),
            "flush: unknown flags");
}

TEST(Policy, KnowsAProtocolByItsColon) {
  EXPECT_TRUE(HasProtocol("nbd:x"));
  EXPECT_TRUE(HasProtocol("json:{}"));
  EXPECT_FALSE(HasProtocol("/a:b"));
  EXPECT_FALSE(HasProtocol("./a:b"));
  EXPECT_FALSE(HasProtocol("plain"));
}

TEST(Policy, KnowsAnExtentByTheNameOfItsImage) {
  EXPECT_TRUE(IsExtentName("/a/disk.x.vmdk", "disk.x-flat.vmdk"));
  EXPECT_TRUE(IsExtentName("a.b/disk", "disk-f001"));
  EXPECT_TRUE(IsExtentName(".vmdk", "-s1000.vmdk"));
  EXPECT_FALSE(IsExtentName("disk.vmdk", "disk-s1000000.vmdk"));
  EXPECT_FALSE(IsExtentName("disk.vmdk", "disk-flat"));
  EXPECT_FALSE(IsExtentName("aa.vmdk", "a.vmdk"));
}

TEST(Policy, ResolvesBesideTheImageWithoutNormalising) {
  EXPECT_EQ(ResolveReference("sub/a", "../b"), "sub/../b");
  EXPECT_EQ(ResolveReference("a", "b"), "b");
  EXPECT_EQ(ResolveReference("sub/a", "/b"), "/b");
  EXPECT_EQ(ResolveReference("sub/a", "nbd:b"), "nbd:b");
}

}  // namespace
}  // namespace instar::vmm
