// `map`: where an image's data lies, layer by layer.
#include <unistd.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "cmd/image_call.h"
#include "cmd/session.h"
#include "cmd/source.h"
#include "compat/filename.h"
#include "compat/map_text.h"
#include "compat/options.h"

extern "C" {
extern const uint8_t image_map_begin[];
extern const uint8_t image_map_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;

constexpr uint64_t kGuestMemoryBytes = 32 << 20;
constexpr size_t kWriteBytes = 256 << 10;

// What the guest reports, printed as it comes.
class MapOutput {
 public:
  MapOutput(const compat::Profile& profile, bool json, const vmm::Files& files)
      : text_(profile, json), files_(files) {
    text_.Begin(out_);
  }

  void Add(const proto::MapEntries& entries);
  // Writes what is left; false: stdout does not take it.
  bool Finish(bool complete);

  bool broke_rule() const { return broke_rule_; }
  // Stopped at an entry that the table has no words for.
  bool unmapped() const { return unmapped_; }

 private:
  bool AddOne(uint64_t start, uint64_t length, uint32_t kind, uint64_t offset);
  const std::string* NameOf(uint32_t slot);
  void Write();

  compat::MapText text_;
  const vmm::Files& files_;
  std::vector<std::string> names_;  // by slot
  std::string out_;
  bool broke_rule_ = false;
  bool unmapped_ = false;
  bool written_ = true;
};

// Null: there is no such file.
const std::string* MapOutput::NameOf(uint32_t slot) {
  while (names_.size() <= slot && names_.size() < files_.size()) {
    const auto next = static_cast<uint32_t>(names_.size());
    names_.emplace_back(compat::ParseImageName(files_.path(next)).path);
  }
  return slot < names_.size() ? &names_[slot] : nullptr;
}

bool MapOutput::AddOne(uint64_t start, uint64_t length, uint32_t kind,
                       uint64_t offset) {
  constexpr uint32_t kByte = 0xff;
  compat::MapEntry entry = {
      .start = start,
      .length = length,
      .depth = kind >> 8 & kByte,
      .present = (kind & proto::MAP_KIND_PRESENT) != 0,
      .zero = (kind & proto::MAP_KIND_ZERO) != 0,
      .data = (kind & proto::MAP_KIND_DATA) != 0,
      .compressed = (kind & proto::MAP_KIND_COMPRESSED) != 0,
      .has_offset = (kind & proto::MAP_KIND_OFFSET) != 0,
      .offset = offset,
      .filename = {},
  };
  if (entry.has_offset) {
    const std::string* name = NameOf(kind >> 16 & kByte);
    if (name == nullptr)
      return false;
    entry.filename = *name;
  }
  unmapped_ = !text_.Add(entry, out_);
  return true;
}

void MapOutput::Add(const proto::MapEntries& entries) {
  const int count = entries.length_size();
  if (entries.kind_size() != count || entries.offset_size() != count)
    broke_rule_ = true;
  uint64_t start = entries.start();
  for (int i = 0; i < count && !broke_rule_ && !unmapped_; ++i) {
    const uint64_t length = entries.length(i);
    if (!AddOne(start, length, entries.kind(i), entries.offset(i)))
      broke_rule_ = true;
    start += length;
  }
  if (out_.size() >= kWriteBytes)
    Write();
}

void MapOutput::Write() {
  written_ = written_ && WriteAll(STDOUT_FILENO, out_);
  out_.clear();
}

bool MapOutput::Finish(bool complete) {
  if (complete)
    text_.End(out_);
  else
    text_.BreakOff(out_);
  Write();
  return written_;
}

class Map {
 public:
  explicit Map(const Environment& environment) : environment_(environment) {}

  int Run(const Arguments& arguments) {
    const auto status = ReadImageCall(
        environment_, "map", arguments, call_,
        [this](const compat::ParsedOption& option) { return ReadOwn(option); });
    return status ? *status : Show();
  }

 private:
  std::optional<int> ReadOwn(const compat::ParsedOption& option);
  int Show();
  proto::Config MakeConfig(const ImageSource& source, uint32_t slot) const;

  const Environment& environment_;
  ImageCall call_;
  uint64_t start_ = 0;
  uint64_t max_length_ = std::numeric_limits<int64_t>::max();
};

std::optional<int> Map::ReadOwn(const compat::ParsedOption& option) {
  std::optional<uint64_t> bytes = 0;
  if (option.opt == Opt::kStartOffset) {
    bytes = ReadBytes(environment_, "start offset", option.value);
    start_ = bytes.value_or(0);
  } else if (option.opt == Opt::kMaxLength) {
    bytes = ReadBytes(environment_, "max length", option.value);
    max_length_ = bytes.value_or(0);
  }
  return bytes ? std::nullopt : std::optional<int>(1);
}

proto::Config Map::MakeConfig(const ImageSource& source, uint32_t slot) const {
  proto::Config config;
  proto::MapConfig& map = *config.mutable_map();
  source.Describe(slot, *map.mutable_source());
  map.set_start(start_);
  map.set_max_length(max_length_);
  map.set_splits_by_presence(environment_.profile.map_shows_present);
  map.set_splits_by_compression(environment_.profile.map_shows_compressed);
  map.set_stops_without_offset(call_.output == "human");
  return config;
}

int Map::Show() {
  const auto source = ReadSource(environment_, call_);
  if (!source)
    return 1;
  vmm::Policy policy = environment_.policy;
  policy.force_share = call_.force_share || source->options.force_share;
  vmm::Files files(policy, vmm::Outputs{});
  const auto slot = source->Open(files, vmm::CacheMode::kWriteback);
  if (!slot)
    return PrintOpenError(environment_, files, source->name);

  std::optional<MapOutput> output;
  Session session(environment_, files, compat::CommandKind::kMap);
  session.shown_names[*slot] = source->name;
  session.on_finding = [&](const proto::Finding& finding) {
    if (!output)
      output.emplace(environment_.profile, call_.output == "json", files);
    output->Add(finding.map_entries());
  };
  vmm::Limits limits = LimitsFor(environment_, kGuestMemoryBytes);
  limits.findings_bytes = 0;
  const bool done = session.Run({image_map_begin, image_map_end},
                                MakeConfig(*source, *slot), limits);
  // Not even an empty list: the image was not opened.
  const auto& failure = session.failure();
  if (!output && failure && failure->stage() == proto::STAGE_STATUS)
    output.emplace(environment_.profile, call_.output == "json", files);
  if (!output)
    return 1;
  const bool written =
      output->Finish(done && !output->unmapped() && !output->broke_rule());
  if (output->broke_rule()) {
    return PrintError(environment_,
                      "guest broke a rule: what it reported makes no sense");
  }
  if (output->unmapped())
    return PrintError(environment_, compat::UnmappedText());
  return done && written ? 0 : 1;
}

}  // namespace

int RunMap(const Environment& environment, const Arguments& arguments) {
  return Map(environment).Run(arguments);
}

}  // namespace instar::cmd
