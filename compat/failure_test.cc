#include "compat/failure.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

namespace instar::compat {
namespace {

// top.qcow2 <- mid.qcow2 <- base.qcow2, in the slots 0 to 2; top's data file
// in slot 3; another source in slot 4.
FailureContext Chain(CommandKind command) {
  FailureContext context;
  context.command = command;
  context.file = [](uint32_t slot) -> FileName {
    static const std::vector<FileName> kFiles = {
        {"top.qcow2", FileRole::kCommandLine, 0},
        {"mid.qcow2", FileRole::kBacking, 0},
        {"base.qcow2", FileRole::kBacking, 1},
        {"top.data", FileRole::kDataFile, 0},
        {"other.qcow2", FileRole::kCommandLine, 0},
    };
    return slot < kFiles.size() ? kFiles[slot] : FileName{};
  };
  context.target_path = "out.qcow2";
  context.target_format = "qcow2";
  return context;
}

FileProblem Problem(int error, const std::string& path) {
  FileProblem problem;
  problem.error = error;
  problem.path = path;
  return problem;
}

FileProblem Lock(const std::string& path, const char* lock, bool is_shared) {
  FileProblem problem = Problem(EAGAIN, path);
  problem.lock = lock;
  problem.lock_is_shared = is_shared;
  return problem;
}

proto::Failure Make(proto::Fault fault, uint32_t slot = 0,
                    proto::Stage stage = proto::STAGE_OPEN) {
  proto::Failure failure;
  failure.set_fault(fault);
  failure.set_slot(slot);
  failure.set_stage(stage);
  return failure;
}

proto::Failure Reference(uint32_t slot, proto::Role role) {
  proto::Failure failure = Make(proto::FAULT_REFERENCE, slot);
  failure.set_value(static_cast<uint64_t>(role));
  return failure;
}

TEST(OpenProblemText, NamesAMissingFileTwice) {
  EXPECT_EQ(OpenProblemText(Problem(ENOENT, "a.img")),
            "Could not open 'a.img': Could not open 'a.img': No such file or "
            "directory");
  EXPECT_EQ(OpenProblemText(Problem(ENOENT, "file:x/y")),
            "Could not open 'file:x/y': Could not open 'x/y': No such file or "
            "directory");
}

TEST(OpenProblemText, HasWordsForWhatIsNoFile) {
  EXPECT_EQ(OpenProblemText(Problem(ENOENT, "")),
            "Could not open '': The 'file' block driver requires a file name");
  EXPECT_EQ(OpenProblemText(Problem(EPROTONOSUPPORT, "xx:y")),
            "Could not open 'xx:y': Unknown protocol 'xx'");
  FileProblem directory = Problem(EINVAL, "dir");
  directory.not_regular = true;
  EXPECT_EQ(OpenProblemText(directory),
            "Could not open 'dir': 'file' driver requires 'dir' to be a "
            "regular file");
}

TEST(FailureText, TellsOfTheFormatOnce) {
  proto::Failure failure = Make(proto::FAULT_QCOW2_VERSION);
  failure.set_value(4);
  EXPECT_EQ(FailureText(failure, Chain(CommandKind::kInfo)),
            "Could not open 'top.qcow2': Unsupported qcow2 version 4");
  EXPECT_EQ(FailureText(failure, Chain(CommandKind::kConvert)),
            "Could not open 'top.qcow2': Unsupported qcow2 version 4");
}

TEST(FailureText, CountsTheLayersInConvertButNotInInfo) {
  const proto::Failure failure = Make(proto::FAULT_NOT_IN_FORMAT, 2);
  EXPECT_EQ(FailureText(failure, Chain(CommandKind::kInfo)),
            "Could not open 'base.qcow2': Image is not in qcow2 format");
  EXPECT_EQ(FailureText(failure, Chain(CommandKind::kConvert)),
            "Could not open 'top.qcow2': Could not open backing file: Could "
            "not open backing file: Image is not in qcow2 format");
}

TEST(FailureText, NamesAMissingBackingFile) {
  const proto::Failure failure = Reference(1, proto::ROLE_BACKING);
  FailureContext context = Chain(CommandKind::kInfo);
  context.problem = Problem(ENOENT, "base.qcow2");
  EXPECT_EQ(FailureText(failure, context),
            "Could not open 'base.qcow2': Could not open 'base.qcow2': No such "
            "file or directory");
  context.command = CommandKind::kConvert;
  EXPECT_EQ(FailureText(failure, context),
            "Could not open 'top.qcow2': Could not open backing file: Could "
            "not open backing file: Could not open 'base.qcow2': No such file "
            "or directory");
  context.command = CommandKind::kCreate;
  EXPECT_EQ(FailureText(Reference(0, proto::ROLE_BACKING), context),
            "out.qcow2: Could not open backing file: Could not open "
            "'base.qcow2': No such file or directory\n"
            "Could not open backing image.");
}

TEST(FailureText, NamesAMissingDataFile) {
  FailureContext context = Chain(CommandKind::kConvert);
  context.problem = Problem(ENOENT, "dd.raw");
  EXPECT_EQ(FailureText(Reference(0, proto::ROLE_DATA_FILE), context),
            "Could not open 'top.qcow2': Could not open 'dd.raw': No such file "
            "or directory");
  EXPECT_EQ(FailureText(Reference(1, proto::ROLE_DATA_FILE), context),
            "Could not open 'top.qcow2': Could not open backing file: Could "
            "not open 'dd.raw': No such file or directory");
  context.command = CommandKind::kInfo;
  EXPECT_EQ(FailureText(Reference(1, proto::ROLE_DATA_FILE), context),
            "Could not open 'mid.qcow2': Could not open 'dd.raw': No such file "
            "or directory");
}

TEST(FailureText, TellsOfALoop) {
  FailureContext context = Chain(CommandKind::kInfo);
  context.problem = Problem(ELOOP, "top.qcow2");
  EXPECT_EQ(FailureText(Reference(2, proto::ROLE_BACKING), context),
            "Backing file 'top.qcow2' creates an infinite loop.");
}

TEST(FailureText, AsksForTheOtherProcessBelowALockError) {
  FailureContext context = Chain(CommandKind::kInfo);
  context.problem = Lock("mid.qcow2", "write", true);
  const proto::Failure failure = Make(proto::FAULT_LOCKED, 1);
  EXPECT_EQ(FailureText(failure, context),
            "Could not open 'mid.qcow2': Failed to get shared \"write\" lock\n"
            "Is another process using the image [mid.qcow2]?");
  context.command = CommandKind::kConvert;
  EXPECT_EQ(FailureText(failure, context),
            "Could not open 'top.qcow2': Could not open backing file: Failed "
            "to get shared \"write\" lock\n"
            "Is another process using the image [mid.qcow2]?");
}

TEST(FailureText, WordsALockedTargetByCommand) {
  FailureContext context = Chain(CommandKind::kConvert);
  context.problem = Lock("out.qcow2", "write", false);
  proto::Failure failure = Reference(0, proto::ROLE_TARGET);
  failure.set_stage(proto::STAGE_CREATE);
  const std::string rest =
      "Failed to get \"write\" lock\n"
      "Is another process using the image [out.qcow2]?";
  EXPECT_EQ(FailureText(failure, context),
            "out.qcow2: error while converting qcow2: " + rest);
  context.target_must_exist = true;
  EXPECT_EQ(FailureText(failure, context),
            "Could not open 'out.qcow2': " + rest);
  context.target_must_exist = false;
  context.command = CommandKind::kCreate;
  EXPECT_EQ(FailureText(failure, context), "out.qcow2: " + rest);
}

TEST(FailureText, SaysThatATargetCannotBeMade) {
  FailureContext context = Chain(CommandKind::kConvert);
  context.target_path = "nodir/x";
  context.problem = Problem(ENOENT, "nodir/x");
  proto::Failure failure = Reference(0, proto::ROLE_TARGET);
  failure.set_stage(proto::STAGE_CREATE);
  EXPECT_EQ(FailureText(failure, context),
            "nodir/x: error while converting qcow2: Could not create "
            "'nodir/x': No such file or directory");
  context.target_must_exist = true;
  EXPECT_EQ(FailureText(failure, context),
            "Could not open 'nodir/x': Could not open 'nodir/x': No such file "
            "or directory");
}

TEST(FailureText, WordsCreationOptions) {
  FailureContext context = Chain(CommandKind::kCreate);
  EXPECT_EQ(FailureText(Make(proto::FAULT_QCOW2_CREATE_CLUSTER_SIZE, 0,
                             proto::STAGE_CREATE),
                        context),
            "out.qcow2: Cluster size must be a power of two between 512 and "
            "2048k");
  EXPECT_EQ(
      FailureText(Make(proto::FAULT_SIZE_TOO_LARGE, 0, proto::STAGE_CREATE),
                  context),
      "out.qcow2: The image size is too large for file format 'qcow2' (try "
      "using a larger cluster size)");
  context.target_format = "raw";
  proto::Failure failure = Make(proto::FAULT_ERRNO, 0, proto::STAGE_CREATE);
  failure.set_error(EFBIG);
  EXPECT_EQ(FailureText(failure, context),
            "out.qcow2: The image size is too large for file format 'raw'");
  failure =
      Make(proto::FAULT_PREALLOCATION_UNSUPPORTED, 0, proto::STAGE_CREATE);
  failure.set_value(proto::PREALLOCATION_METADATA);
  EXPECT_EQ(FailureText(failure, context),
            "out.qcow2: Unsupported preallocation mode: metadata");
}

TEST(FailureText, NamesTheStepOfACreationThatFailed) {
  FailureContext context = Chain(CommandKind::kConvert);
  proto::CreateTarget target;
  target.set_format("qcow2");
  context.target = &target;
  proto::Failure failure = Make(proto::FAULT_ERRNO, 0, proto::STAGE_CREATE);
  failure.set_error(ENOSPC);
  EXPECT_EQ(FailureText(failure, context),
            "out.qcow2: error while converting qcow2: Could not write qcow2 "
            "header: No space left on device");
  failure.set_value(512);
  EXPECT_TRUE(FailureText(failure, context)
                  .ends_with("Could not update qcow2 header: No space left on "
                             "device"));
  target.set_preallocation(proto::PREALLOCATION_FULL);
  EXPECT_EQ(FailureText(failure, context),
            "out.qcow2: error while converting qcow2: Could not resize image: "
            "Failed to resize underlying file: Could not write zeros for "
            "preallocation: No space left on device");
  failure.set_error(EFBIG);
  EXPECT_TRUE(FailureText(failure, context)
                  .ends_with("Could not resize file: File too large"));
  context.target_must_exist = true;
  EXPECT_EQ(FailureText(failure, context),
            "Could not open 'out.qcow2': File too large");
}

TEST(FailureText, NamesTheTableOfAVhdxByItsPlace) {
  FailureContext context = Chain(CommandKind::kCreate);
  proto::CreateTarget target;
  target.set_format("vhdx");
  context.target = &target;
  proto::Failure failure = Make(proto::FAULT_ERRNO, 0, proto::STAGE_CREATE);
  failure.set_error(EIO);
  EXPECT_EQ(FailureText(failure, context),
            "out.qcow2: Failed to write file signature: Input/output error");
  failure.set_value(192 << 10);
  EXPECT_EQ(
      FailureText(failure, context),
      "out.qcow2: Failed to write first region table: Input/output error");
}

TEST(FailureText, TellsWhyABackingNameDoesNotFit) {
  FailureContext context = Chain(CommandKind::kCreate);
  context.target_backing = "b";
  context.target_backing_format = "raw";
  const proto::Failure failure = Make(
      proto::FAULT_QCOW2_CREATE_BACKING_NAME_TOO_LONG, 0, proto::STAGE_CREATE);
  EXPECT_EQ(FailureText(failure, context),
            "out.qcow2: Could not assign backing file 'b' with format 'raw': "
            "No space left on device");
  context.target_backing = std::string(1024, 'b');
  EXPECT_TRUE(FailureText(failure, context).ends_with(": Invalid argument"));
}

TEST(FailureText, NamesTheOffsetOfATransfer) {
  const FailureContext context = Chain(CommandKind::kConvert);
  proto::Failure failure =
      Make(proto::FAULT_COMPRESSED_DATA, 0, proto::STAGE_READ);
  failure.set_value(77);
  failure.set_position(65536);
  EXPECT_EQ(FailureText(failure, context),
            "error while reading at byte 65536: Input/output error");
  failure.set_fault(proto::FAULT_QCOW2_CLUSTER_UNALIGNED);
  failure.set_stage(proto::STAGE_STATUS);
  EXPECT_EQ(FailureText(failure, context),
            "error while reading block status at offset 65536: Input/output "
            "error");
  failure.set_fault(proto::FAULT_ERRNO);
  failure.set_stage(proto::STAGE_WRITE);
  failure.set_error(ENOSPC);
  EXPECT_EQ(FailureText(failure, context),
            "error while writing at byte 65536: No space left on device");
}

TEST(FailureText, JoinsKnownAndUnknownFeatureNames) {
  const FailureContext context = Chain(CommandKind::kInfo);
  proto::Failure failure = Make(proto::FAULT_QCOW2_UNKNOWN_FEATURES);
  const std::string start =
      "Could not open 'top.qcow2': Unsupported qcow2 feature(s): ";
  failure.set_value(0x3000);
  EXPECT_EQ(FailureText(failure, context),
            start + "Unknown incompatible feature: 3000");
  failure.set_text("my feature name");
  EXPECT_EQ(FailureText(failure, context),
            start + "my feature name, Unknown incompatible feature: 3000");
  failure.set_value(0);
  EXPECT_EQ(FailureText(failure, context), start + "my feature name");
}

TEST(FailureText, FillsNumbersAndNamesIn) {
  const FailureContext context = Chain(CommandKind::kInfo);
  proto::Failure failure = Make(proto::FAULT_QCOW2_CRYPTO_OFFSET);
  failure.set_value(5);
  failure.set_value2(65536);
  EXPECT_EQ(FailureText(failure, context),
            "Could not open 'top.qcow2': Encryption header offset '5' is not a "
            "multiple of cluster size '65536'");
  failure.set_fault(proto::FAULT_QCOW2_BITMAP_CONSTRAINTS);
  failure.set_text("{v}");
  EXPECT_EQ(FailureText(failure, context),
            "Could not open 'top.qcow2': Bitmap '{v}' doesn't satisfy the "
            "constraints");
}

TEST(FailureText, HasWordsForEveryFaultAndStage) {
  for (const CommandKind command :
       {CommandKind::kInfo, CommandKind::kCreate, CommandKind::kConvert}) {
    const FailureContext context = Chain(command);
    for (int fault = 1; fault < 200; ++fault) {
      if (!proto::Fault_IsValid(fault))
        continue;
      for (int stage = 0; stage <= proto::STAGE_FINISH; ++stage) {
        // A guest may name any slot.
        proto::Failure failure = Make(static_cast<proto::Fault>(fault), 250,
                                      static_cast<proto::Stage>(stage));
        failure.set_value(1);
        const std::string text = FailureText(failure, context);
        EXPECT_FALSE(text.empty());
        EXPECT_FALSE(text.ends_with(": ")) << fault << ' ' << stage;
      }
    }
  }
}

TEST(FailureText, NamesADirtyLogsImageInItsHints) {
  const proto::Failure failure = Make(proto::FAULT_VHDX_LOG_DIRTY, 2);
  EXPECT_EQ(FailureText(failure, Chain(CommandKind::kConvert)),
            "Could not open 'top.qcow2': Could not open backing file: Could "
            "not open backing file: VHDX image file 'base.qcow2' opened "
            "read-only, but contains a log that needs to be replayed\n"
            "To replay the log, run:\n"
            "qemu-img check -r all 'base.qcow2'");
}

TEST(CorruptionText, NamesTheEntryAndItsTable) {
  proto::Failure failure;
  failure.set_fault(proto::FAULT_QCOW2_CLUSTER_UNALIGNED);
  failure.set_value(0x50001);
  failure.set_value2(0x40000);
  failure.set_value3(3);
  EXPECT_EQ(CorruptionText(failure),
            "qcow2: Image is corrupt: Cluster allocation offset 0x50001 "
            "unaligned (L2 offset: 0x40000, L2 index: 0x3); further non-fatal "
            "corruption events will be suppressed\n");
}

TEST(CorruptionText, IsEmptyForOtherFaults) {
  proto::Failure failure;
  failure.set_fault(proto::FAULT_ERRNO);
  EXPECT_EQ(CorruptionText(failure), "");
}

}  // namespace
}  // namespace instar::compat
