#include "compat/snapshot_param.h"

#include <gtest/gtest.h>

namespace instar::compat {
namespace {

struct Read {
  bool ok = false;
  SnapshotParam param;
  std::string output;
};

Read ReadOne(std::string_view text) {
  Read read;
  read.ok =
      ReadSnapshotParam(NamesOf("qemu-img"), text, read.param, read.output);
  return read;
}

TEST(SnapshotParam, PlainTextIsAnIdOrAName) {
  const Read read = ReadOne("s1,x=y");
  EXPECT_TRUE(read.ok);
  EXPECT_EQ(read.param.id_or_name, "s1,x=y");
  EXPECT_FALSE(read.param.by_parts());
}

TEST(SnapshotParam, PartsAreReadFromAList) {
  const Read read = ReadOne("snapshot.id=1,snapshot.name=a,,b");
  EXPECT_TRUE(read.ok);
  EXPECT_EQ(read.param.id, "1");
  EXPECT_EQ(read.param.name, "a,b");
  EXPECT_EQ(read.output, "");
}

TEST(SnapshotParam, AFlagByItselfWarns) {
  const Read read = ReadOne("snapshot.id");
  EXPECT_TRUE(read.ok);
  EXPECT_EQ(read.param.id, "on");
  EXPECT_EQ(read.output,
            "qemu-img: warning: short-form boolean option 'snapshot.id' "
            "deprecated\nPlease use snapshot.id=on instead\n");
}

TEST(SnapshotParam, OtherNamesAreRefused) {
  const Read read = ReadOne("snapshot.foo=1");
  EXPECT_FALSE(read.ok);
  EXPECT_EQ(read.output,
            "qemu-img: Invalid parameter 'snapshot.foo'\n"
            "qemu-img: Failed in parsing snapshot param 'snapshot.foo=1'\n");
}

}  // namespace
}  // namespace instar::compat
