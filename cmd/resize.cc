// `resize`: another size for an image that is there.
#include <unistd.h>

#include <cctype>
#include <optional>
#include <string>

#include "cmd/changed_image.h"
#include "cmd/creation.h"
#include "cmd/image_call.h"
#include "cmd/session.h"
#include "cmd/source.h"
#include "compat/failure.h"
#include "compat/options.h"
#include "compat/resize_text.h"

extern "C" {
extern const uint8_t image_resize_begin[];
extern const uint8_t image_resize_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;

constexpr uint64_t kGuestBytes = 64 << 20;

bool IsNegativeNumber(const std::string& word) {
  return word.size() > 1 && word[0] == '-' &&
         std::isdigit(static_cast<unsigned char>(word[1])) != 0;
}

class Resize {
 public:
  explicit Resize(const Environment& environment) : environment_(environment) {}

  int Run(const Arguments& arguments) {
    const auto status = environment_.profile.getopt_reports_errors
                            ? ParseInOrder(arguments)
                            : ParseSizeLast(arguments);
    if (status)
      return *status;
    if (const auto wrong = ParseSize())
      return *wrong;
    return Change();
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> ParseSizeLast(const Arguments& arguments);
  std::optional<int> ParseInOrder(Arguments arguments);
  std::optional<int> ReadOptions(compat::OptionReader& reader);
  std::optional<int> ParseOne(const compat::ParsedOption& option);
  bool TakeOperand(Arguments& words);
  std::optional<int> ParseSize();
  int Misused(const char* text) const {
    return Complain(compat::UsageError(environment_.names, environment_.profile,
                                       "resize", text));
  }

  int Change();
  proto::Config MakeConfig(const ImageSource& image) const;
  bool RunGuest(const ImageSource& image, const std::string& data_file,
                bool& needs_data_file) const;

  const Environment& environment_;
  std::optional<std::string> filename_;
  std::optional<std::string> size_;
  std::optional<std::string> format_;
  proto::SizeRelation relation_ = proto::SIZE_EXACT;
  uint64_t bytes_ = 0;
  proto::Preallocation preallocation_ = proto::PREALLOCATION_OFF;
  bool image_opts_ = false;
  bool quiet_ = false;
  bool shrink_ = false;
};

// ---- The command line -------------------------------------------------------

std::optional<int> Resize::ParseOne(const compat::ParsedOption& option) {
  switch (static_cast<int>(option.opt)) {
    case static_cast<int>(Opt::kHelp):
      return PrintCommandHelp(environment_, "resize");
    case static_cast<int>(Opt::kFormat):
      format_ = option.value;
      break;
    case static_cast<int>(Opt::kQuiet):
      quiet_ = true;
      break;
    case static_cast<int>(Opt::kShrink):
      shrink_ = true;
      break;
    case static_cast<int>(Opt::kImageOpts):
      image_opts_ = true;
      break;
    case static_cast<int>(Opt::kObject):
      return RefuseObject(environment_);
    case static_cast<int>(Opt::kPreallocation): {
      const auto mode = compat::FindPreallocation(option.value);
      if (!mode) {
        return PrintError(environment_,
                          "Invalid preallocation mode '" + option.value + '\'');
      }
      preallocation_ = *mode;
      break;
    }
    default:
      break;
  }
  return std::nullopt;
}

std::optional<int> Resize::ReadOptions(compat::OptionReader& reader) {
  while (const auto option = reader.Next()) {
    if (const auto status = ParseOne(*option))
      return status;
  }
  if (reader.failed())
    return Complain(reader.error());
  return std::nullopt;
}

// Before 10.1: whatever stands last is the size, so that it may begin with '-'.
std::optional<int> Resize::ParseSizeLast(const Arguments& arguments) {
  constexpr size_t kLeast = 2;
  if (arguments.size() < kLeast)
    return Misused("Not enough arguments");
  size_ = arguments.back();
  const Arguments others(arguments.begin(), arguments.end() - 1);
  compat::OptionReader reader(environment_.names, environment_.profile,
                              "resize", others);
  if (const auto status = ReadOptions(reader))
    return status;
  const Arguments operands = reader.operands();
  if (operands.size() != 1)
    return Misused("Expecting image file name and size");
  filename_ = operands.front();
  return std::nullopt;
}

// Takes a file name, or a size, or both where the size is negative: options end
// with neither. False: there is too much.
bool Resize::TakeOperand(Arguments& words) {
  const bool is_name = !filename_;
  if (!is_name && size_)
    return false;
  (is_name ? filename_ : size_) = words.front();
  words.erase(words.begin());
  if (is_name && !words.empty() && IsNegativeNumber(words.front())) {
    size_ = words.front();
    words.erase(words.begin());
  }
  return true;
}

std::optional<int> Resize::ParseInOrder(Arguments arguments) {
  while (!arguments.empty()) {
    compat::OptionReader reader(environment_.names, environment_.profile,
                                "resize", arguments);
    if (const auto status = ReadOptions(reader))
      return status;
    Arguments operands = reader.operands();
    const size_t num_read = arguments.size() - operands.size();
    const bool no_more_options =
        num_read != 0 && arguments[num_read - 1] == "--";
    if (no_more_options) {
      if (!filename_ && !operands.empty()) {
        filename_ = operands.front();
        operands.erase(operands.begin());
      }
      if (!size_ && !operands.empty()) {
        size_ = operands.front();
        operands.erase(operands.begin());
      }
      if (!operands.empty())
        return Misused("Expecting image file name and size");
    } else if (!operands.empty() && !TakeOperand(operands)) {
      return Misused("Extra argument(s) in command line");
    }
    arguments = operands;
  }
  if (!filename_ || !size_)
    return Misused("Expecting image file name and size");
  return std::nullopt;
}

std::optional<int> Resize::ParseSize() {
  std::string text = *size_;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    relation_ = text[0] == '+' ? proto::SIZE_MORE : proto::SIZE_LESS;
    text.erase(0, 1);
  }
  const compat::Number number = compat::ParseSize(text, environment_.profile);
  if (number.warns_hex_suffix)
    Complain(compat::HexSuffixWarning(environment_.names, text));
  const std::string error = compat::NewSizeError(number, text);
  if (!error.empty())
    return PrintError(environment_, error);
  bytes_ = number.value;
  return std::nullopt;
}

// ---- The change -------------------------------------------------------------

proto::Config Resize::MakeConfig(const ImageSource& image) const {
  proto::Config config;
  proto::ResizeConfig& resize = *config.mutable_resize();
  image.Describe(0, *resize.mutable_image());
  resize.set_size(bytes_);
  resize.set_relation(relation_);
  resize.set_shrink(shrink_);
  resize.set_preallocation(preallocation_);
  resize.set_own_formats(environment_.profile.has_own_features);
  return config;
}

// False after a message. `needs_data_file`: nothing is done yet, the host must
// know that file first.
bool Resize::RunGuest(const ImageSource& image, const std::string& data_file,
                      bool& needs_data_file) const {
  vmm::Outputs outputs = OutputsFor(image, vmm::CacheMode::kWriteback);
  outputs.data_file = data_file;
  outputs.has_extents = true;
  vmm::Files files(environment_.policy, outputs);
  proto::Config config = MakeConfig(image);
  config.mutable_resize()->set_knows_data_file(!data_file.empty());
  Session session(environment_, files, compat::CommandKind::kResize);
  session.target_path = image.name;
  session.on_finding = [&](const proto::Finding& finding) {
    if (!finding.has_image())
      return;
    const proto::ImageFacts& facts = finding.image();
    needs_data_file = facts.qcow2().has_data_file() && data_file.empty();
    if (data_file.empty())
      WarnOfGuessedRaw(image, facts);
  };
  const bool done = session.Run({image_resize_begin, image_resize_end}, config,
                                LimitsFor(environment_, kGuestBytes));
  if (!done && session.failure() &&
      session.failure()->fault() == proto::FAULT_RESIZE_NEEDS_SHRINK) {
    Complain(
        compat::WarningLine(environment_.names, compat::kShrinkingWarning));
  }
  return done;
}

int Resize::Change() {
  const auto image =
      ReadSource(environment_, *filename_, format_, image_opts_, false);
  if (!image)
    return 1;
  bool needs_data_file = false;
  if (!RunGuest(*image, {}, needs_data_file))
    return 1;
  if (needs_data_file) {
    const std::string data_file = FindDataFile(environment_, *image);
    if (data_file.empty() || !RunGuest(*image, data_file, needs_data_file))
      return 1;
  }
  if (!quiet_)
    WriteAll(STDOUT_FILENO, "Image resized.\n");
  return 0;
}

}  // namespace

int RunResize(const Environment& environment, const Arguments& arguments) {
  return Resize(environment).Run(arguments);
}

}  // namespace instar::cmd
