// `amend`: changes what an image is made of.
#include <unistd.h>

#include <limits>
#include <optional>
#include <string>

#include "cmd/cache_mode.h"
#include "cmd/changed_image.h"
#include "cmd/creation.h"
#include "cmd/image_call.h"
#include "cmd/progress.h"
#include "cmd/session.h"
#include "cmd/source.h"
#include "compat/amend_options.h"
#include "compat/options.h"
#include "compat/target_options.h"

extern "C" {
extern const uint8_t image_amend_begin[];
extern const uint8_t image_amend_end[];
extern const uint8_t image_resize_begin[];
extern const uint8_t image_resize_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;

// Room for the longest L1 and refcount tables and for refcounts of most images;
// what is not needed is never touched.
constexpr uint64_t kGuestMemoryBytes = 224 << 20;

class Amend {
 public:
  explicit Amend(const Environment& environment) : environment_(environment) {}

  int Run(const Arguments& arguments) {
    if (const auto status = Parse(arguments))
      return *status;
    // With a format the options are listed without a look at any image.
    if (call_.format && compat::AsksForHelp(options_))
      return PrintHelp(*call_.format);
    if (!has_filename_)
      return PrintError(environment_, "Expecting one image file name");
    const auto cache = ParseCacheMode(cache_);
    if (!cache)
      return PrintError(environment_, "Invalid cache option: " + cache_);
    cache_mode_ = *cache;
    const auto image = ReadSource(environment_, call_);
    return image ? AmendImage(*image) : 1;
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> Parse(const Arguments& arguments);
  std::optional<int> ParseOne(const compat::ParsedOption& option);
  int PrintHelp(const std::string& format) const;

  int AmendImage(const ImageSource& image);
  // The format of the image, which is opened as it will be for the change.
  std::optional<std::string> FindFormat(const ImageSource& image);
  int Change(const ImageSource& image, const compat::CreateOptions& options);
  // What `request` asks for. With another size this takes three guests: one
  // for what qemu-img does before, then the one that gives images a size, then
  // the first again for version 2, of which the others know nothing.
  bool Take(const ImageSource& image, proto::AmendConfig request,
            Progress& progress) const;
  bool ChangeSize(const ImageSource& image, uint64_t bytes) const;
  bool RunGuest(const ImageSource& image, const proto::AmendConfig& request,
                Progress* progress, proto::ImageFacts* facts) const;

  const Environment& environment_;
  ImageCall call_;
  std::string options_;
  std::string cache_ = "writeback";
  vmm::CacheMode cache_mode_ = vmm::CacheMode::kWriteback;
  bool has_data_file_ = false;
  bool has_options_ = false;
  bool has_filename_ = false;
  bool progress_ = false;
  bool quiet_ = false;
};

std::optional<int> Amend::ParseOne(const compat::ParsedOption& option) {
  switch (static_cast<int>(option.opt)) {
    case static_cast<int>(Opt::kHelp):
      return PrintCommandHelp(environment_, "amend");
    case static_cast<int>(Opt::kOptions):
      has_options_ = true;
      if (!AppendOptionList(environment_, options_, option.value))
        return 1;
      break;
    case static_cast<int>(Opt::kFormat):
      call_.format = option.value;
      break;
    case static_cast<int>(Opt::kCache):
      cache_ = option.value;
      break;
    case static_cast<int>(Opt::kProgress):
      progress_ = true;
      break;
    case static_cast<int>(Opt::kQuiet):
      quiet_ = true;
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

std::optional<int> Amend::Parse(const Arguments& arguments) {
  compat::OptionReader reader(environment_.names, environment_.profile, "amend",
                              arguments);
  while (const auto option = reader.Next()) {
    if (const auto status = ParseOne(*option))
      return status;
  }
  if (reader.failed())
    return Complain(reader.error());
  if (!has_options_) {
    return Complain(compat::UsageError(environment_.names, environment_.profile,
                                       "amend", "Must specify options (-o)"));
  }
  const Arguments operands = reader.operands();
  has_filename_ = operands.size() == 1;
  if (has_filename_)
    call_.filename = operands.front();
  return std::nullopt;
}

int Amend::PrintHelp(const std::string& format) const {
  if (compat::FindFormat(format) == nullptr)
    return PrintError(environment_, "Unknown file format '" + format + "'");
  const compat::FormatRow* row = compat::FindAmendable(format);
  if (row == nullptr)
    return PrintError(environment_, compat::NotAmendableText(format));
  const std::string text = compat::AmendOptionsHelp(*row, environment_.profile);
  return WriteAll(STDOUT_FILENO, text) ? 0 : 1;
}

bool Amend::RunGuest(const ImageSource& image,
                     const proto::AmendConfig& request, Progress* progress,
                     proto::ImageFacts* facts) const {
  vmm::Files files(environment_.policy, OutputsFor(image, cache_mode_));
  proto::Config config;
  *config.mutable_amend() = request;
  image.Describe(0, *config.mutable_amend()->mutable_image());
  Session session(environment_, files, compat::CommandKind::kAmend);
  session.target_path = image.name;
  session.shown_names[files.size()] = image.name;
  session.on_finding = [&](const proto::Finding& finding) {
    if (finding.has_image() && facts != nullptr)
      *facts = finding.image();
  };
  session.on_progress = [&](uint64_t done, uint64_t all) {
    if (progress != nullptr)
      progress->Update(done, all);
  };
  return session.Run({image_amend_begin, image_amend_end}, config,
                     LimitsFor(environment_, kGuestMemoryBytes));
}

std::optional<std::string> Amend::FindFormat(const ImageSource& image) {
  proto::AmendConfig request;
  request.set_only_open(true);
  proto::ImageFacts facts;
  if (!RunGuest(image, request, nullptr, &facts))
    return std::nullopt;
  has_data_file_ = facts.qcow2().has_data_file();
  WarnOfGuessedRaw(image, facts);
  return facts.format();
}

int Amend::AmendImage(const ImageSource& image) {
  const auto format = FindFormat(image);
  if (!format)
    return 1;
  if (compat::AsksForHelp(options_))
    return PrintHelp(*format);
  const compat::FormatRow* row = compat::FindAmendable(*format);
  if (row == nullptr)
    return PrintError(environment_, compat::NotAmendableText(*format));
  compat::CreateOptions options(*row, environment_.profile);
  const auto problem = options.Parse(options_);
  PrintWarnings(environment_, options);
  if (problem) {
    return PrintError(
        environment_,
        *problem + compat::CreationHint(*row, options_, environment_.profile));
  }
  if (*format != "qcow2")
    return PrintError(environment_, compat::Unsupported("Encryption"));
  return Change(image, options);
}

bool Amend::ChangeSize(const ImageSource& image, uint64_t bytes) const {
  if (bytes > std::numeric_limits<int64_t>::max()) {
    PrintError(environment_, "Image size cannot be negative");
    return false;
  }
  vmm::Outputs outputs = OutputsFor(image, cache_mode_);
  if (has_data_file_) {
    outputs.data_file = FindDataFile(environment_, image);
    if (outputs.data_file.empty())
      return false;
  }
  vmm::Files files(environment_.policy, outputs);
  proto::Config config;
  proto::ResizeConfig& resize = *config.mutable_resize();
  image.Describe(0, *resize.mutable_image());
  resize.set_size(bytes);
  resize.set_relation(proto::SIZE_EXACT);
  resize.set_shrink(true);
  resize.set_knows_data_file(has_data_file_);
  Session session(environment_, files, compat::CommandKind::kAmend);
  session.target_path = image.name;
  session.shown_names[files.size()] = image.name;
  return session.Run({image_resize_begin, image_resize_end}, config,
                     LimitsFor(environment_, kGuestMemoryBytes));
}

bool Amend::Take(const ImageSource& image, proto::AmendConfig request,
                 Progress& progress) const {
  const uint64_t bytes = request.size();
  if (!RunGuest(image, request, &progress, nullptr))
    return false;
  if (bytes == 0)
    return true;
  request.clear_size();
  return ChangeSize(image, bytes) &&
         (!request.has_compat() ||
          RunGuest(image, request, &progress, nullptr));
}

int Amend::Change(const ImageSource& image,
                  const compat::CreateOptions& options) {
  proto::AmendConfig request;
  compat::ReadAmendOptions(options, environment_.profile, request);
  Progress progress(progress_ && !quiet_, 1.0);
  const bool done = Take(image, request, progress);
  progress.Complete();
  return done ? 0 : 1;
}

}  // namespace

int RunAmend(const Environment& environment, const Arguments& arguments) {
  return Amend(environment).Run(arguments);
}

}  // namespace instar::cmd
