// `bitmap`: changes a persistent bitmap of an image.
#include <optional>
#include <string>
#include <vector>

#include "cmd/bitmap_run.h"
#include "cmd/changed_image.h"
#include "cmd/creation.h"
#include "cmd/image_call.h"
#include "cmd/session.h"
#include "cmd/source.h"
#include "compat/bitmap_text.h"
#include "compat/failure.h"
#include "compat/options.h"
#include "compat/target_options.h"

namespace instar::cmd {
namespace {

using compat::Opt;

// proto/guest.options
constexpr size_t kMaxActions = 64;
constexpr size_t kMaxMerged = 8;

class Bitmap {
 public:
  explicit Bitmap(const Environment& environment) : environment_(environment) {}

  int Run(const Arguments& arguments) {
    if (const auto status = Parse(arguments))
      return *status;
    if (const auto why = CheckCall())
      return PrintError(environment_, *why);
    return Change();
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> Parse(const Arguments& arguments);
  std::optional<int> ParseOne(const compat::ParsedOption& option);
  std::optional<int> ParseGranularity(const std::string& text);
  void Do(proto::BitmapAction action) {
    actions_.push_back(static_cast<char>(action));
  }
  bool Does(proto::BitmapAction action) const {
    return actions_.find(static_cast<char>(action)) != std::string::npos;
  }
  // All but the removal of every bitmap are about one.
  bool NeedsName() const {
    return actions_.empty() ||
           actions_.find_first_not_of(static_cast<char>(
               proto::BITMAP_ACTION_REMOVE_ALL)) != std::string::npos;
  }
  // What does not go together, in qemu-img's order.
  std::optional<std::string> CheckCall() const;

  int Change();
  bool RunGuest(const ImageSource& image, vmm::Files& files,
                const proto::Config& config) const;
  proto::Config MakeConfig(const ImageSource& image) const;

  const Environment& environment_;
  std::string filename_;
  std::string name_;
  std::optional<std::string> format_;
  std::optional<std::string> source_;
  std::optional<std::string> source_format_;
  std::string actions_;  // proto::BitmapAction, a byte each
  std::vector<std::string> merged_;
  uint64_t granularity_ = 0;
  bool image_opts_ = false;
};

std::optional<int> Bitmap::ParseGranularity(const std::string& text) {
  const auto granularity = ReadBytes(environment_, "granularity", text);
  if (!granularity)
    return 1;
  granularity_ = *granularity;
  return std::nullopt;
}

std::optional<int> Bitmap::ParseOne(const compat::ParsedOption& option) {
  switch (static_cast<int>(option.opt)) {
    case static_cast<int>(Opt::kHelp):
      return PrintCommandHelp(environment_, "bitmap");
    case static_cast<int>(Opt::kAdd):
      Do(proto::BITMAP_ACTION_ADD);
      break;
    case static_cast<int>(Opt::kRemove):
      Do(proto::BITMAP_ACTION_REMOVE);
      break;
    case static_cast<int>(Opt::kRemoveAll):
      Do(proto::BITMAP_ACTION_REMOVE_ALL);
      break;
    case static_cast<int>(Opt::kClear):
      Do(proto::BITMAP_ACTION_CLEAR);
      break;
    case static_cast<int>(Opt::kEnable):
      Do(proto::BITMAP_ACTION_ENABLE);
      break;
    case static_cast<int>(Opt::kDisable):
      Do(proto::BITMAP_ACTION_DISABLE);
      break;
    case static_cast<int>(Opt::kMerge):
      Do(proto::BITMAP_ACTION_MERGE);
      merged_.push_back(option.value);
      break;
    case static_cast<int>(Opt::kGranularity):
      return ParseGranularity(option.value);
    case static_cast<int>(Opt::kSourceFile):
      source_ = option.value;
      break;
    case static_cast<int>(Opt::kSourceFormat):
      source_format_ = option.value;
      break;
    case static_cast<int>(Opt::kFormat):
      format_ = option.value;
      break;
    case static_cast<int>(Opt::kImageOpts):
      image_opts_ = true;
      break;
    case static_cast<int>(Opt::kObject):
      return RefuseObject(environment_);
    default:
      break;
  }
  return std::nullopt;
}

std::optional<int> Bitmap::Parse(const Arguments& arguments) {
  compat::OptionReader reader(environment_.names, environment_.profile,
                              "bitmap", arguments);
  while (const auto option = reader.Next()) {
    if (const auto status = ParseOne(*option))
      return status;
  }
  if (reader.failed())
    return Complain(reader.error());
  const Arguments operands = reader.operands();
  const size_t expected = NeedsName() ? 2 : 1;
  if (operands.size() != expected) {
    return PrintError(environment_, NeedsName()
                                        ? "Expecting filename and bitmap name"
                                        : "Expecting filename");
  }
  filename_ = operands.front();
  if (NeedsName())
    name_ = operands.back();
  return std::nullopt;
}

std::optional<std::string> Bitmap::CheckCall() const {
  if (actions_.empty())
    return compat::NoBitmapActionText(environment_.profile);
  if (granularity_ != 0 && !Does(proto::BITMAP_ACTION_ADD))
    return "granularity only supported with --add";
  if (source_format_ && !source_)
    return "-F only supported with -b";
  if (source_ && !Does(proto::BITMAP_ACTION_MERGE))
    return "Merge bitmap source file only supported with --merge";
  if (actions_.size() > kMaxActions)
    return compat::Unsupported("More than 64 actions");
  if (merged_.size() > kMaxMerged)
    return compat::Unsupported("More than 8 bitmaps to merge");
  return std::nullopt;
}

proto::Config Bitmap::MakeConfig(const ImageSource& image) const {
  proto::Config config;
  proto::BitmapConfig& bitmap = *config.mutable_bitmap();
  image.Describe(0, *bitmap.mutable_image());
  bitmap.set_name(GuestBitmapName(name_));
  bitmap.set_actions(actions_);
  for (const std::string& merged : merged_)
    bitmap.add_merged(GuestBitmapName(merged));
  // qemu-img keeps 32 bits of it.
  const auto kept = static_cast<uint32_t>(granularity_);
  bitmap.set_granularity(granularity_ != 0 && kept == 0 ? 1 : kept);
  return config;
}

bool Bitmap::RunGuest(const ImageSource& image, vmm::Files& files,
                      const proto::Config& config) const {
  Session session(environment_, files, compat::CommandKind::kBitmap);
  session.target_path = image.name;
  session.bitmap_name = name_;
  if (source_)
    session.shown_names[0] = *source_;
  session.shown_names[files.size()] = image.name;
  session.on_finding = [&](const proto::Finding& finding) {
    if (finding.has_image())
      WarnOfGuessedRaw(image, finding.image());
  };
  return session.Run(BitmapGuest(), config,
                     LimitsFor(environment_, kBitmapGuestBytes));
}

int Bitmap::Change() {
  const auto image =
      ReadSource(environment_, filename_, format_, image_opts_, false);
  if (!image)
    return 1;
  vmm::Files files(environment_.policy,
                   OutputsFor(*image, vmm::CacheMode::kWriteback));
  proto::Config config = MakeConfig(*image);
  if (!source_)
    return RunGuest(*image, files, config) ? 0 : 1;

  const ImageSource source =
      FindSource(environment_, *source_, source_format_, false, false);
  std::optional<uint32_t> slot;
  if (source.problem.empty())
    slot = source.Open(files, vmm::CacheMode::kWriteback);
  if (slot) {
    source.Describe(*slot, *config.mutable_bitmap()->mutable_source());
    return RunGuest(*image, files, config) ? 0 : 1;
  }
  // What is wrong with the image is told first, and it is stored as if all had
  // gone well so far.
  const vmm::FileError error = files.error();
  config.mutable_bitmap()->clear_actions();
  if (!RunGuest(*image, files, config) || !PrintProblem(environment_, source))
    return 1;
  return PrintOpenError(environment_, error, source.name);
}

}  // namespace

int RunBitmap(const Environment& environment, const Arguments& arguments) {
  return Bitmap(environment).Run(arguments);
}

}  // namespace instar::cmd
