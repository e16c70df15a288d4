#include "compat/failure.h"

#include <cerrno>

#include "compat/creation_text.h"
#include "compat/fault_text.h"
#include "compat/filename.h"
#include "compat/resize_text.h"
#include "compat/target_options.h"

namespace instar::compat {
namespace {

// A chain is no deeper than the number of slots.
constexpr uint32_t kMaxDepth = 256;

// Words and the line below the whole sentence, which may be empty.
struct Words {
  std::string text;
  std::string hint;

  std::string After(const std::string& prefix) const {
    return prefix + text + (hint.empty() ? "" : '\n' + hint);
  }
};

std::string Quoted(const std::string& path) {
  return '\'' + path + '\'';
}

std::string CouldNotOpen(const std::string& path) {
  return "Could not open " + Quoted(path) + ": ";
}

Words LockWords(const FileProblem& problem) {
  return {std::string("Failed to get ") +
              (problem.lock_is_shared ? "shared " : "") + '"' + problem.lock +
              "\" lock",
          "Is another process using the image [" + problem.path + "]?"};
}

// A file that could not be opened for use as it is.
Words ProblemWords(const FileProblem& problem, bool strict_policy) {
  if (!problem.lock.empty())
    return LockWords(problem);
  if (problem.path.empty())
    return {"The 'file' block driver requires a file name", ""};
  const ImageName name = ParseImageName(problem.path);
  const std::string path(name.path);
  if (problem.error == EPROTONOSUPPORT) {
    const std::string protocol = Quoted(std::string(name.protocol));
    if (name.kind == NameKind::kUnknownProtocol)
      return {"Unknown protocol " + protocol, ""};
    return {Unsupported("Protocol " + protocol), ""};
  }
  if (problem.foreign_extent) {
    return {
        CouldNotOpen(path) + "The extents of an output must be named after it",
        ""};
  }
  if (problem.not_regular || problem.error == EISDIR)
    return {"'file' driver requires '" + path + "' to be a regular file", ""};
  std::string text = CouldNotOpen(path) + ErrnoText(problem.error);
  if (strict_policy && problem.error == EACCES) {
    text +=
        " (the strict policy allows only files beneath the image's directory)";
  }
  return {text, ""};
}

Words CreationWords(const FileProblem& problem) {
  if (problem.is_device) {
    const Words words = ProblemWords(problem, false);
    return {
        "Protocol driver 'host_device' does not support image creation, "
        "and opening the image failed: " +
            words.text,
        words.hint};
  }
  if (!problem.lock.empty())
    return LockWords(problem);
  // What is opened but has no length of its own, such as a pipe.
  if (problem.error == EINVAL)
    return {"Could not resize file: " + ErrnoText(problem.error), ""};
  return {"Could not create " + Quoted(problem.path) + ": " +
              ErrnoText(problem.error),
          ""};
}

// Where an image stands in its chain.
struct Place {
  std::string root;  // path of the image on the command line
  std::string path;  // the image's own
  uint32_t depth = 0;
};

Place PlaceOf(uint32_t slot, const FailureContext& context) {
  Place place;
  FileName file = context.file(slot);
  // A data file counts as part of the image that names it.
  if (file.role == FileRole::kDataFile)
    file = context.file(file.from);
  place.path = file.path;
  while (file.role == FileRole::kBacking && place.depth < kMaxDepth) {
    ++place.depth;
    file = context.file(file.from);
  }
  place.root = file.path;
  return place;
}

// What stands before the words about an image `depth` below `root`.
std::string ChainPrefix(const std::string& root, uint32_t depth,
                        const FailureContext& context) {
  std::string out = context.command == CommandKind::kCreate
                        ? context.target_path + ": "
                        : CouldNotOpen(root);
  if (!context.new_backing.empty())
    out =
        "Could not open new backing file " + Quoted(context.new_backing) + ": ";
  for (uint32_t i = 0; i < depth; ++i)
    out += "Could not open backing file: ";
  return out;
}

// `create` opens nothing but the backing chain.
std::string WithCreateHint(std::string text, const FailureContext& context) {
  if (context.command == CommandKind::kCreate)
    text += "\nCould not open backing image.";
  return text;
}

// The problem that the failure is about; the guest's word for it where the
// host knows of none.
FileProblem ProblemFor(const proto::Failure& failure,
                       const FailureContext& context) {
  FileProblem problem = context.problem;
  if (problem.error == 0) {
    problem.error = failure.error() != 0 ? failure.error() : EIO;
    problem.path = failure.fault() == proto::FAULT_REFERENCE
                       ? failure.text()
                       : context.file(failure.slot()).path;
  }
  return problem;
}

std::string OpenReferenceText(const proto::Failure& failure,
                              const FailureContext& context) {
  const FileProblem problem = ProblemFor(failure, context);
  const Place place = PlaceOf(failure.slot(), context);
  const bool is_backing = failure.value() == proto::ROLE_BACKING;
  const bool is_info = context.command == CommandKind::kInfo;
  const Words words = ProblemWords(problem, context.strict_policy);
  if (is_backing && problem.error == ELOOP) {
    const std::string text =
        "Backing file " + Quoted(problem.path) + " creates an infinite loop.";
    return is_info ? text
                   : WithCreateHint(
                         ChainPrefix(place.root, place.depth, context) + text,
                         context);
  }
  // `info` opens each image of a chain by itself.
  if (is_info)
    return words.After(CouldNotOpen(is_backing ? problem.path : place.path));
  const uint32_t depth = place.depth + (is_backing ? 1 : 0);
  return WithCreateHint(words.After(ChainPrefix(place.root, depth, context)),
                        context);
}

std::string OpenText(const proto::Failure& failure,
                     const FailureContext& context) {
  if (failure.fault() == proto::FAULT_REFERENCE)
    return OpenReferenceText(failure, context);
  const Place place = PlaceOf(failure.slot(), context);
  Words words;
  if (failure.fault() == proto::FAULT_LOCKED) {
    const FileProblem problem = ProblemFor(failure, context);
    words =
        problem.lock.empty()
            ? Words{"Failed to lock the image: " + ErrnoText(problem.error), ""}
            : LockWords(problem);
  } else {
    words.text = FaultText(failure, place.path);
  }
  // Where a format has no words, or an errno only, qemu puts its own around it.
  if (failure.fault() == proto::FAULT_ERRNO ||
      failure.fault() == proto::FAULT_DMG_STRUCTURE ||
      failure.fault() == proto::FAULT_VMDK_OPEN ||
      failure.fault() == proto::FAULT_OPEN_WITHOUT_WORDS)
    words.text = CouldNotOpen(place.path) + words.text;
  if (failure.fault() == proto::FAULT_QCOW_VERSION &&
      (failure.value() == 2 || failure.value() == 3)) {
    words.hint = "Try the 'qcow2' driver instead.";
  }
  if (context.command == CommandKind::kInfo)
    return words.After(CouldNotOpen(place.path));
  return WithCreateHint(
      words.After(ChainPrefix(place.root, place.depth, context)), context);
}

bool HasClusterSizeOption(const std::string& format) {
  return format == "qcow2" || format == "qed" || format == "parallels";
}

Words TargetWords(const proto::Failure& failure,
                  const FailureContext& context) {
  if (failure.fault() == proto::FAULT_REFERENCE) {
    const FileProblem problem = ProblemFor(failure, context);
    return failure.value() == proto::ROLE_BACKING
               ? ProblemWords(problem, context.strict_policy)
               : CreationWords(problem);
  }
  if (failure.fault() == proto::FAULT_LOCKED)
    return LockWords(ProblemFor(failure, context));
  if (context.target_is_device && failure.fault() == proto::FAULT_ERRNO &&
      failure.error() == EINVAL) {
    const bool is_resized = context.target_format == "qcow2";
    return {std::string(is_resized ? "Could not resize image: " : "") +
                "Cannot grow device files",
            ""};
  }
  const bool is_told_by_create =
      failure.fault() == proto::FAULT_VPC_CREATE_TOO_LARGE &&
      context.command == CommandKind::kCreate;
  const bool is_limit_of_file = failure.fault() == proto::FAULT_ERRNO &&
                                failure.error() == EFBIG &&
                                context.command != CommandKind::kConvert &&
                                context.command != CommandKind::kDd;
  if (failure.fault() == proto::FAULT_SIZE_TOO_LARGE || is_told_by_create ||
      is_limit_of_file) {
    std::string text = "The image size is too large for file format '" +
                       context.target_format + '\'';
    if (HasClusterSizeOption(context.target_format))
      text += " (try using a larger cluster size)";
    return {text, ""};
  }
  if (failure.fault() == proto::FAULT_QCOW2_CREATE_BACKING_NAME_TOO_LONG) {
    constexpr size_t kMaxNameBytes = 1023;
    const bool is_long = context.target_backing.size() > kMaxNameBytes;
    return {"Could not assign backing file " + Quoted(context.target_backing) +
                " with format " + Quoted(context.target_backing_format) + ": " +
                ErrnoText(is_long ? EINVAL : ENOSPC),
            ""};
  }
  if (failure.fault() == proto::FAULT_ERRNO && context.target != nullptr &&
      !context.target_must_exist)
    return {CreationStepText(failure, *context.target), ""};
  return {FaultText(failure), ""};
}

// A target that exists. A directory is refused by the kernel already.
std::string OpenTargetText(const FileProblem& problem,
                           const FailureContext& context) {
  if (problem.error != EISDIR)
    return OpenProblemText(problem, context.target_path);
  return CouldNotOpen(context.target_path) + CouldNotOpen(problem.path) +
         ErrnoText(EISDIR);
}

std::string CreateText(const proto::Failure& failure,
                       const FailureContext& context) {
  if (failure.fault() == proto::FAULT_TARGET_TOO_SMALL)
    return "output file is smaller than input file";
  if (context.target_must_exist) {
    if (failure.fault() == proto::FAULT_REFERENCE)
      return OpenTargetText(ProblemFor(failure, context), context);
    return TargetWords(failure, context)
        .After(CouldNotOpen(context.target_path));
  }
  if (failure.fault() == proto::FAULT_NO_CREATE_SUPPORT) {
    const std::string text = "Format driver " + Quoted(context.target_format) +
                             " does not support image creation";
    return context.command == CommandKind::kCreate
               ? context.target_path + ": " + text
               : text;
  }
  std::string prefix = context.target_path + ": ";
  if (context.command == CommandKind::kConvert)
    prefix += "error while converting " + context.target_format + ": ";
  if (context.command == CommandKind::kDd)
    prefix += "error while creating output image: ";
  return TargetWords(failure, context).After(prefix);
}

std::string LinkText(const proto::Failure& failure, const LayersCall& call) {
  std::string words = FaultText(failure);
  if (failure.fault() == proto::FAULT_ERRNO && failure.error() == ENOSPC)
    words = "No space left in the file header";
  return "Could not change the backing file to " + Quoted(call.backing_file) +
         ": " + words;
}

std::string RebaseText(const proto::Failure& failure,
                       const FailureContext& context) {
  switch (static_cast<int>(failure.stage())) {
    case proto::STAGE_REBASE_NEXT: {
      if (failure.fault() == proto::FAULT_REBASE_FORMAT_UNKNOWN) {
        return "Invalid format name: " + Quoted(context.layers.backing_format);
      }
      if (failure.fault() == proto::FAULT_REBASE_NO_PACKING)
        return FaultText(failure);
      FailureContext next = context;
      next.new_backing = context.layers.backing_file;
      return OpenText(failure, next);
    }
    case proto::STAGE_REBASE_STATUS:
      return "error while reading image metadata: " + FaultText(failure);
    case proto::STAGE_REBASE_OLD:
      return "error while reading from old backing file";
    case proto::STAGE_REBASE_NEW:
      return "error while reading from new backing file";
    case proto::STAGE_REBASE_WRITE:
      return "Error while writing to COW image: " + FaultText(failure);
    default:
      return LinkText(failure, context.layers);
  }
}

// The layer below could not be opened, locked or written.
std::string CommitText(const proto::Failure& failure,
                       const FailureContext& context) {
  const std::string& top = context.target_path;
  if (failure.stage() == proto::STAGE_COMMIT_EMPTY)
    return "Could not empty " + top + ": " + FaultText(failure);
  switch (static_cast<int>(failure.fault())) {
    case proto::FAULT_COMMIT_BASE_MISSING:
      return "Did not find " + Quoted(context.layers.base) +
             " in the backing chain of " + Quoted(top);
    case proto::FAULT_COMMIT_NO_BACKING:
    case proto::FAULT_COMMIT_NO_REOPEN:
      return FaultText(failure);
    case proto::FAULT_LOCKED:
      return LockWords(ProblemFor(failure, context)).After("");
    case proto::FAULT_REFERENCE:
      return ProblemWords(ProblemFor(failure, context), context.strict_policy)
          .After("");
    default:
      return "Block job failed: " + FaultText(failure);
  }
}

// Of a stage of a command that changes images; empty: it is none of those.
std::string ChangeText(const proto::Failure& failure,
                       const FailureContext& context) {
  const int stage = failure.stage();
  if (stage == proto::STAGE_BITMAP || stage == proto::STAGE_BITMAP_COPY)
    return BitmapFailureText(failure, context.bitmap);
  if (stage == proto::STAGE_SNAPSHOT_EDIT)
    return SnapshotFailureText(failure, context.snapshot);
  if (stage == proto::STAGE_AMEND)
    return FaultText(failure);
  if (stage == proto::STAGE_RESIZE)
    return ResizeFailureText(failure);
  if (stage >= proto::STAGE_REBASE_NEXT && stage <= proto::STAGE_REBASE_LINK)
    return RebaseText(failure, context);
  if (stage == proto::STAGE_COMMIT || stage == proto::STAGE_COMMIT_EMPTY)
    return CommitText(failure, context);
  return "";
}

}  // namespace

std::string OpenProblemText(const FileProblem& problem,
                            const std::string& name) {
  return ProblemWords(problem, false)
      .After(CouldNotOpen(name.empty() ? problem.path : name));
}

proto::Failure AsTold(proto::Failure failure, const Profile& profile) {
  const bool has_range = failure.fault() == proto::FAULT_RAW_OFFSET ||
                         failure.fault() == proto::FAULT_RAW_RANGE;
  if (has_range && !profile.raw_range_errors_show_values) {
    failure.set_value(0);
    if (failure.fault() == proto::FAULT_RAW_RANGE)
      failure.set_value2(0);
  }
  return failure;
}

std::string FailureText(const proto::Failure& failure,
                        const FailureContext& context) {
  // A fault of our own is told as such, whatever was going on.
  if (failure.fault() == proto::FAULT_INTERNAL)
    return FaultText(failure);
  const std::string offset = std::to_string(failure.position());
  const int stage = failure.stage();
  std::string change = ChangeText(failure, context);
  if (!change.empty())
    return change;
  if (stage == proto::STAGE_SNAPSHOT)
    return "Failed to load snapshot: " + FaultText(failure);
  if (context.command == CommandKind::kMeasure) {
    if (stage == proto::STAGE_STATUS)
      return "Unable to get block status: " + FaultText(failure);
    if (stage == proto::STAGE_CREATE)
      return TargetWords(failure, context).text;
  }
  if (context.command == CommandKind::kMap && stage == proto::STAGE_STATUS)
    return "Could not read file metadata: " + FaultText(failure);
  if (context.command == CommandKind::kCompare) {
    const std::string path = context.file(failure.slot()).path;
    if (stage == proto::STAGE_STATUS)
      return "Sector allocation test failed for " + path;
    if (stage == proto::STAGE_READ) {
      return "Error while reading offset " + offset + " of " + path + ": " +
             FaultText(failure);
    }
  }
  if (context.command == CommandKind::kBench &&
      (stage == proto::STAGE_READ || stage == proto::STAGE_WRITE))
    return "Failed request: " + FaultText(failure);
  if (stage == proto::STAGE_CREATE)
    return CreateText(failure, context);
  if (context.command == CommandKind::kDd) {
    if (stage == proto::STAGE_READ)
      return "error while reading from input image file: " + FaultText(failure);
    if (stage == proto::STAGE_WRITE)
      return "error while writing to output image file: " + FaultText(failure);
  }
  if (stage == proto::STAGE_READ)
    return "error while reading at byte " + offset + ": " + FaultText(failure);
  if (stage == proto::STAGE_WRITE)
    return "error while writing at byte " + offset + ": " + FaultText(failure);
  if (stage == proto::STAGE_STATUS) {
    return "error while reading block status at offset " + offset + ": " +
           FaultText(failure);
  }
  if (stage == proto::STAGE_FINISH)
    return context.target_path +
           ": Could not write to the end: " + FaultText(failure);
  if (stage == proto::STAGE_CHECK) {
    const bool no_checker = failure.fault() == proto::FAULT_NO_CHECKER;
    return (no_checker ? "" : "Check failed: ") + FaultText(failure);
  }
  return OpenText(failure, context);
}

namespace {

// Empty: the fault is another. qemu-img ends it without a newline.
std::string StaleBitmapsText(proto::Fault fault) {
  std::string text;
  if (fault == proto::FAULT_QCOW2_STALE_BITMAPS) {
    text =
        "a program lacking bitmap support modified this file, so all bitmaps "
        "are now considered inconsistent";
  } else if (fault == proto::FAULT_QCOW2_STALE_BITMAPS_V2) {
    text =
        "This qcow2 v2 image contains bitmaps, but they may have been modified "
        "by a program without persistent bitmap support; so now they must all "
        "be considered inconsistent";
  } else {
    return {};
  }
  return text +
         "\nSome clusters may be leaked, run 'qemu-img check -r' on the image "
         "file to fix.";
}

}  // namespace

std::string ImageWarning(const proto::Failure& warning) {
  if (warning.fault() == proto::FAULT_UNREADABLE) {
    return "error while reading offset " + std::to_string(warning.value()) +
           ": " + ErrnoText(warning.error()) + '\n';
  }
  if (warning.fault() == proto::FAULT_BITMAP_COPY_SKIPPED)
    return FaultText(warning) + '\n';
  return StaleBitmapsText(warning.fault());
}

std::string RawGuessedText(std::string_view filename) {
  constexpr const char* kIndent = "\n         ";
  return "WARNING: Image format was not specified for '" +
         std::string(filename) + "' and probing guessed raw." + kIndent +
         "Automatically detecting the format is dangerous for raw images, "
         "write operations on block 0 will be restricted." +
         kIndent +
         "Specify the 'raw' format explicitly to remove the restrictions.\n";
}

}  // namespace instar::compat
