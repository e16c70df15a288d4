// The sentences for what went wrong, byte for byte as qemu-img has them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "compat/bitmap_text.h"
#include "compat/profile.h"
#include "compat/snapshot_text.h"
#include "gen/guest.pb.h"

namespace instar::compat {

// A file that the host could not open, create or lock; vmm's FileError in
// plain fields.
struct FileProblem {
  int error = 0;     // errno; 0: no problem is known
  std::string path;  // as it was opened
  std::string lock;  // the lock that was refused ("write", …), or empty
  bool lock_is_shared = false;  // another one holds it, else does not share it
  bool not_regular = false;     // a directory, FIFO or socket
  bool is_device = false;       // a block device that was to become an output
  bool foreign_extent = false;  // of an output, and not named after it
};

// Commands whose messages differ.
enum class CommandKind : uint8_t {
  kInfo,
  kCreate,
  kConvert,
  kMeasure,
  kMap,
  kCompare,
  kCheck,
  kDd,
  kBitmap,
  kResize,
  kSnapshot,
  kRebase,
  kCommit,
  kAmend,
  kRepair,
  kBench,
};

enum class FileRole : uint8_t { kCommandLine, kBacking, kDataFile };

// What is known of a slot.
struct FileName {
  std::string path;  // as messages show it
  FileRole role = FileRole::kCommandLine;
  uint32_t from = 0;  // slot of the image that names it
};

// What the command line of rebase or commit says.
struct LayersCall {
  std::string backing_file;  // the new one
  std::string backing_format;
  std::string base;  // of commit -b
};

// What a message needs besides the failure itself.
struct FailureContext {
  CommandKind command = CommandKind::kInfo;
  std::function<FileName(uint32_t slot)> file;
  FileProblem problem;  // the last one that the host had
  bool strict_policy = false;
  std::string target_path;
  std::string target_format;
  std::string target_backing;  // name and format to record
  std::string target_backing_format;
  bool target_must_exist = false;  // no new image is made
  BitmapCall bitmap;
  SnapshotCall snapshot;
  LayersCall layers;
  // The image that is opened is below the new backing file of rebase, which has
  // this name; empty: it is not.
  std::string new_backing;
  // What was asked for of a new image; null where nothing is made.
  const proto::CreateTarget* target = nullptr;
  bool target_is_device = false;
};

// The failure with the numbers that this release shows of it.
proto::Failure AsTold(proto::Failure failure, const Profile& profile);

// The text behind "qemu-img: ", without a newline at its end. It may hold a
// second line, which is not prefixed.
std::string FailureText(const proto::Failure& failure,
                        const FailureContext& context);

// The text behind "qemu-img: warning: ", with what ends it. Empty for what is
// no warning.
std::string ImageWarning(const proto::Failure& warning);

// The line, with its newline, that qemu-img prints before its own error when
// an entry of a qcow2 table cannot be; it has no prefix. Empty for all else.
std::string CorruptionText(const proto::Failure& failure);

// Opening a file that the command line names: "Could not open 'F': …". `name`:
// F, where it is not the path.
std::string OpenProblemText(const FileProblem& problem,
                            const std::string& name = {});

// What qemu-img says, without its name in front, where it guesses that an
// image which it is to write is raw.
std::string RawGuessedText(std::string_view filename);

}  // namespace instar::compat
