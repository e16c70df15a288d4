#include "cmd/dd_call.h"

#include <limits>

#include "cmd/creation.h"
#include "cmd/image_call.h"
#include "cmd/session.h"
#include "compat/help.h"
#include "compat/options.h"

namespace instar::cmd {
namespace {

using compat::Opt;

constexpr int64_t kMaxBlockBytes = std::numeric_limits<int>::max();
constexpr int64_t kMaxNumber = std::numeric_limits<int64_t>::max();
constexpr uint64_t kBeyondAll = std::numeric_limits<uint64_t>::max();

uint64_t BytesOf(uint64_t blocks, uint64_t block_bytes) {
  return blocks > uint64_t{kMaxNumber} / block_bytes ? kBeyondAll
                                                     : blocks * block_bytes;
}

class Parser {
 public:
  Parser(const Environment& environment, DdCall& call)
      : environment_(environment), call_(call) {}

  std::optional<int> Run(const Arguments& arguments);

 private:
  std::optional<int> ReadOption(const compat::ParsedOption& option);
  std::optional<int> ReadOperand(const std::string& operand);

  int Fail(const std::string& text) const {
    return PrintError(environment_, text);
  }

  const Environment& environment_;
  DdCall& call_;
};

std::optional<int> Parser::ReadOption(const compat::ParsedOption& option) {
  if (option.opt == Opt::kHelp)
    return PrintCommandHelp(environment_, "dd");
  if (option.opt == Opt::kObject)
    return RefuseObject(environment_);
  if (option.opt == Opt::kSnapshot) {
    std::string output;
    const bool ok = compat::ReadSnapshotParam(environment_.names, option.value,
                                              call_.snapshot, output);
    Complain(output);
    if (!ok)
      return 1;
  }
  if (option.opt == Opt::kFormat)
    call_.source_format = option.value;
  if (option.opt == Opt::kTargetFormat)
    call_.target_format = option.value;
  call_.image_opts |= option.opt == Opt::kImageOpts;
  call_.force_share |= option.opt == Opt::kForceShare;
  call_.create &= option.opt != Opt::kNoCreate;
  return std::nullopt;
}

std::optional<int> Parser::ReadOperand(const std::string& operand) {
  const size_t equals = operand.find('=');
  const std::string name = operand.substr(0, equals);
  const bool is_own = name == "osize" || name == "isize";
  const bool is_number = name == "bs" || name == "count" || name == "skip" ||
                         (is_own && environment_.profile.has_own_features);
  if (equals == std::string::npos ||
      (!is_number && name != "if" && name != "of"))
    return Fail("unrecognized operand " + name);
  const std::string text = operand.substr(equals + 1);
  if (!is_number) {
    (name == "if" ? call_.input : call_.output) = text;
    return std::nullopt;
  }
  const bool is_block = name == "bs";
  const auto number = ReadBytes(environment_, name, text, is_block ? 1 : 0,
                                is_block ? kMaxBlockBytes : kMaxNumber);
  if (!number)
    return 1;
  if (is_block)
    call_.block_bytes = *number;
  if (name == "count")
    call_.count = *number;
  if (name == "skip")
    call_.skip = *number;
  if (name == "osize")
    call_.output_bytes = *number;
  if (name == "isize")
    call_.input_bytes = *number;
  return std::nullopt;
}

std::optional<int> Parser::Run(const Arguments& arguments) {
  compat::OptionReader reader(environment_.names, environment_.profile, "dd",
                              arguments);
  while (const auto option = reader.Next())
    if (const auto status = ReadOption(*option))
      return status;
  if (reader.failed())
    return Complain(reader.error());
  for (const std::string& operand : reader.operands())
    if (const auto status = ReadOperand(operand))
      return status;
  const bool is_whole = call_.input && call_.output;
  if (!is_whole && !environment_.profile.has_own_features)
    return Fail("Must specify both input and output files");
  return std::nullopt;
}

}  // namespace

uint64_t DdCall::skip_bytes() const {
  return BytesOf(skip, block_bytes);
}

uint64_t DdCall::count_bytes() const {
  return count ? BytesOf(*count, block_bytes) : kBeyondAll;
}

std::optional<int> ParseDdCall(const Environment& environment,
                               const Arguments& arguments, DdCall& call) {
  return Parser(environment, call).Run(arguments);
}

}  // namespace instar::cmd
