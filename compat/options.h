// The options of every subcommand, one row each, and the reader of a command
// line. GNU getopt_long does the parsing, as in qemu-img, so that permutation,
// abbreviation and bundling are the same.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compat/profile.h"
#include "compat/usage.h"

namespace instar::compat {

// What an option means; commands share meanings, not letters.
enum class Opt : uint8_t {
  kHelp,
  kVersion,
  kTrace,
  kObject,
  kImageOpts,
  kTargetImageOpts,
  kFormat,
  kSecondFormat,
  kTargetFormat,
  kOptions,
  kCache,
  kSourceCache,
  kProgress,
  kQuiet,
  kForceShare,
  kForce,
  kOutput,
  kSnapshot,
  kRateLimit,
  kBacking,
  kBackingFormat,
  kBackingUnsafe,
  kCompress,
  kStrict,
  kBackingChain,
  kChain,
  kLimits,
  kSize,
  kRepair,
  kDrop,
  kBase,
  kShrink,
  kPreallocation,
  kStartOffset,
  kMaxLength,
  // convert
  kSparseSize,
  kNoCreate,
  kParallel,
  kOutOfOrder,
  kCopyOffloading,
  kSalvage,
  kTargetIsZero,
  kBitmaps,
  kSkipBrokenBitmaps,
  // snapshot
  kList,
  kApply,
  kCreate,
  kDelete,
  // bitmap
  kAdd,
  kRemove,
  kRemoveAll,
  kClear,
  kEnable,
  kDisable,
  kMerge,
  kGranularity,
  kSourceFile,
  kSourceFormat,
  // bench
  kCount,
  kDepth,
  kOffset,
  kBufferSize,
  kStepSize,
  kWrite,
  kAio,
  kNative,
  kFlushInterval,
  kPattern,
  kNoDrain,
};

enum class Flavour : uint8_t {
  kAll,
  kUpstreamOnly,
  kDebianOnly,
  kOwn,  // under this program's own name only; see Profile
};

struct OptionRow {
  std::string_view command;  // empty: qemu-img itself
  Opt opt;
  char letter;           // 0: none
  const char* name;      // long name; null: none
  const char* argument;  // what the value stands for; null: takes none
  Version since{};
  Version name_since{};  // where the long name came later than the letter
  Flavour flavour = Flavour::kAll;
  Version until{};  // zero: for good
};

// All rows, grouped by command, in the order in which help lists them.
std::span<const OptionRow> AllOptions();

// The rows that a version has; a row whose long name that version lacks comes
// without it.
std::vector<OptionRow> OptionsOf(std::string_view command,
                                 const Profile& profile);

struct ParsedOption {
  Opt opt;
  std::string value;  // empty where the option takes none
};

// Reads one command line, option by option, in qemu-img's order: an option is
// acted on before the next one is looked at. One reader at a time (getopt's
// state is global).
class OptionReader {
 public:
  // `arguments` follow the command's name; an empty name stands for qemu-img
  // itself, whose options end at the first word that is none.
  OptionReader(const Names& names, const Profile& profile,
               std::string_view command,
               const std::vector<std::string>& arguments);
  OptionReader(const OptionReader&) = delete;
  OptionReader& operator=(const OptionReader&) = delete;

  // Nothing at the end and after an error.
  std::optional<ParsedOption> Next();

  // After Next() returned nothing.
  bool failed() const { return failed_; }
  // What is left to print on stderr after an error: getopt itself has printed
  // its part where the version leaves the wording to it.
  const std::string& error() const { return error_; }
  // The words that are no options.
  std::vector<std::string> operands() const;

 private:
  void Fail(std::string_view text);

  const Names names_;
  const Profile& profile_;
  const std::string command_;
  std::vector<OptionRow> rows_;
  // Of measure it always did.
  const bool getopt_reports_;
  std::vector<std::string> words_;
  std::vector<char*> argv_;
  std::string letters_;
  bool started_ = false;
  bool failed_ = false;
  std::string error_;
};

}  // namespace instar::compat
