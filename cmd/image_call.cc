#include "cmd/image_call.h"

#include <unistd.h>

#include "cmd/creation.h"
#include "cmd/session.h"
#include "compat/help.h"
#include "compat/numbers.h"

namespace instar::cmd {
namespace {

using compat::Opt;

class Reading {
 public:
  Reading(const Environment& environment, const char* command, ImageCall& call)
      : environment_(environment), command_(command), call_(call) {}

  std::optional<int> Option(const compat::ParsedOption& option) {
    switch (static_cast<int>(option.opt)) {
      case static_cast<int>(Opt::kHelp):
        return PrintCommandHelp(environment_, command_);
      case static_cast<int>(Opt::kFormat):
        call_.format = option.value;
        break;
      case static_cast<int>(Opt::kOutput):
        call_.output = option.value;
        return environment_.profile.output_error_quotes_value ? CheckOutput()
                                                              : std::nullopt;
      case static_cast<int>(Opt::kForceShare):
        call_.force_share = true;
        break;
      case static_cast<int>(Opt::kImageOpts):
        call_.image_opts = true;
        break;
      case static_cast<int>(Opt::kObject):
        return RefuseObject(environment_);
      default:
        break;
    }
    return std::nullopt;
  }

  std::optional<int> Operands(const Arguments& operands) {
    if (operands.size() != 1) {
      return Complain(compat::UsageError(environment_.names,
                                         environment_.profile, command_,
                                         "Expecting one image file name"));
    }
    call_.filename = operands.front();
    return CheckOutput();
  }

 private:
  std::optional<int> CheckOutput() const {
    if (call_.output == "human" || call_.output == "json")
      return std::nullopt;
    return Complain(compat::OutputFormatError(
        environment_.names, environment_.profile, command_, call_.output));
  }

  const Environment& environment_;
  const char* command_;
  ImageCall& call_;
};

}  // namespace

std::optional<int> ReadImageCall(const Environment& environment,
                                 const char* command,
                                 const Arguments& arguments, ImageCall& call,
                                 const OwnOption& own) {
  Reading reading(environment, command, call);
  compat::OptionReader reader(environment.names, environment.profile, command,
                              arguments);
  while (const auto option = reader.Next()) {
    if (const auto status = reading.Option(*option))
      return status;
    if (const auto status = own(*option))
      return status;
  }
  if (reader.failed())
    return Complain(reader.error());
  return reading.Operands(reader.operands());
}

int PrintCommandHelp(const Environment& environment, const char* command) {
  const std::string text = compat::CommandHelp(
      environment.names, environment.profile, *compat::FindCommand(command));
  return WriteAll(STDOUT_FILENO, text) ? 0 : 1;
}

std::optional<uint64_t> ReadBytes(const Environment& environment,
                                  std::string_view what,
                                  const std::string& text, int64_t least,
                                  int64_t greatest) {
  compat::Number number = compat::ParseSize(text, environment.profile);
  if (number.warns_hex_suffix)
    Complain(compat::HexSuffixWarning(environment.names, text));
  const bool fits = number.value >= static_cast<uint64_t>(least) &&
                    number.value <= static_cast<uint64_t>(greatest);
  if (number.fault == compat::NumberFault::kNone && !fits)
    number.fault = compat::NumberFault::kOutOfRange;
  if (number.fault == compat::NumberFault::kNone)
    return number.value;
  Complain(compat::NumberError(environment.names, environment.profile, what,
                               text, number.fault, least, greatest));
  return std::nullopt;
}

}  // namespace instar::cmd
