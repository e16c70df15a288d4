// `bench`: how long so many requests to an image take.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <string>

#include "cmd/cache_mode.h"
#include "cmd/changed_image.h"
#include "cmd/creation.h"
#include "cmd/image_call.h"
#include "cmd/session.h"
#include "cmd/source.h"
#include "compat/bench_text.h"
#include "compat/numbers.h"
#include "compat/options.h"
#include "compat/target_options.h"

extern "C" {
extern const uint8_t image_bench_begin[];
extern const uint8_t image_bench_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;
using Clock = std::chrono::steady_clock;

constexpr uint64_t kGuestMemoryBytes = 96 << 20;
// A thread each; more requests at a time wait in the ring.
constexpr uint64_t kMaxIoWorkers = 64;
constexpr int64_t kMaxInt = std::numeric_limits<int32_t>::max();

class Bench {
 public:
  explicit Bench(const Environment& environment) : environment_(environment) {}

  int Run(const Arguments& arguments) {
    const auto status = ReadImageCall(
        environment_, "bench", arguments, call_,
        [this](const compat::ParsedOption& option) { return ReadOwn(option); });
    if (status)
      return *status;
    if (const auto refused = CheckCall())
      return *refused;
    return Measure();
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> ReadOwn(const compat::ParsedOption& option);
  std::optional<int> ReadNumber(const compat::ParsedOption& option);
  // The exit status after a message; else `value` is set.
  std::optional<int> ReadCount(const std::string& text, const char* what,
                               int64_t least, int64_t greatest,
                               uint64_t& value);
  std::optional<int> ReadLength(const std::string& text, const char* what,
                                int64_t least, int64_t greatest,
                                uint64_t& value);
  std::optional<int> ReadAio(const std::string& name);
  std::optional<int> CheckCall();

  int Measure();
  proto::Config MakeConfig(const ImageSource& image, uint32_t slot) const;
  void Begin();

  const Environment& environment_;
  ImageCall call_;
  compat::BenchRequests requests_;
  vmm::CacheMode cache_ = vmm::CacheMode::kWriteback;
  uint64_t pattern_ = 0;
  bool drains_ = true;
  bool native_ = false;
  std::optional<Clock::time_point> begun_;
};

std::optional<int> Bench::ReadCount(const std::string& text, const char* what,
                                    int64_t least, int64_t greatest,
                                    uint64_t& value) {
  const auto read = compat::ReadInteger(
      environment_.names, environment_.profile, what, text, least, greatest);
  if (!read.error.empty())
    return Complain(read.error);
  value = read.value;
  return std::nullopt;
}

std::optional<int> Bench::ReadLength(const std::string& text, const char* what,
                                     int64_t least, int64_t greatest,
                                     uint64_t& value) {
  const auto bytes = ReadBytes(environment_, what, text, least, greatest);
  if (!bytes)
    return 1;
  value = *bytes;
  return std::nullopt;
}

// The host moves bytes in one way only; what the user asks for must be possible
// all the same.
std::optional<int> Bench::ReadAio(const std::string& name) {
  if (name != "native" && name != "threads" && name != "io_uring")
    return PrintError(environment_, "Invalid aio option: " + name);
  native_ = name == "native";
  return std::nullopt;
}

std::optional<int> Bench::ReadNumber(const compat::ParsedOption& option) {
  const int64_t least = environment_.profile.counts_are_numbers ? 1 : 0;
  switch (static_cast<int>(option.opt)) {
    case static_cast<int>(Opt::kCount):
      return ReadCount(option.value, "request count", least, kMaxInt,
                       requests_.count);
    case static_cast<int>(Opt::kDepth):
      return ReadCount(option.value, "queue depth", least, kMaxInt,
                       requests_.depth);
    case static_cast<int>(Opt::kPattern):
      return ReadCount(option.value, "pattern byte", 0, 0xff, pattern_);
    case static_cast<int>(Opt::kFlushInterval):
      return ReadCount(option.value, "flush interval", 0, kMaxInt,
                       requests_.flush_interval);
    case static_cast<int>(Opt::kOffset):
      return ReadLength(option.value, "offset", 0,
                        std::numeric_limits<int64_t>::max(), requests_.offset);
    case static_cast<int>(Opt::kBufferSize):
      return ReadLength(option.value, "buffer size", least, kMaxInt,
                        requests_.buffer_bytes);
    case static_cast<int>(Opt::kStepSize):
      return ReadLength(
          option.value,
          environment_.profile.counts_are_numbers ? "step size" : "step_size",
          0, kMaxInt, requests_.step_bytes);
    default:
      return std::nullopt;
  }
}

std::optional<int> Bench::ReadOwn(const compat::ParsedOption& option) {
  switch (static_cast<int>(option.opt)) {
    case static_cast<int>(Opt::kWrite):
      requests_.writes = true;
      return std::nullopt;
    case static_cast<int>(Opt::kNoDrain):
      drains_ = false;
      return std::nullopt;
    case static_cast<int>(Opt::kNative):
      native_ = true;
      return std::nullopt;
    case static_cast<int>(Opt::kAio):
      return ReadAio(option.value);
    case static_cast<int>(Opt::kCache): {
      const auto mode = ParseCacheMode(option.value);
      if (!mode)
        return PrintError(environment_, "Invalid cache mode");
      cache_ = *mode;
      return std::nullopt;
    }
    default:
      return ReadNumber(option);
  }
}

std::optional<int> Bench::CheckCall() {
  if (!requests_.writes && requests_.flush_interval != 0) {
    return PrintError(environment_,
                      "--flush-interval is only available in write tests");
  }
  if (requests_.flush_interval != 0 &&
      requests_.flush_interval < requests_.depth) {
    return PrintError(environment_,
                      "Flush interval can't be smaller than depth");
  }
  if (requests_.step_bytes == 0)
    requests_.step_bytes = requests_.buffer_bytes;
  if (requests_.writes && call_.force_share) {
    return PrintError(environment_, compat::SharedWriteError(call_.filename));
  }
  const bool is_direct =
      cache_ == vmm::CacheMode::kNone || cache_ == vmm::CacheMode::kDirectsync;
  if (native_ && !is_direct) {
    return PrintError(environment_,
                      "Could not open '" + call_.filename +
                          "': aio=native was specified, but it requires "
                          "cache.direct=on, which was not specified.");
  }
  return std::nullopt;
}

proto::Config Bench::MakeConfig(const ImageSource& image, uint32_t slot) const {
  proto::Config config;
  proto::BenchConfig& bench = *config.mutable_bench();
  image.Describe(slot, *bench.mutable_image());
  bench.set_writes(requests_.writes);
  bench.set_count(requests_.count);
  // Nothing is ever sent without one.
  bench.set_depth(
      static_cast<uint32_t>(requests_.depth == 0 ? 1 : requests_.depth));
  bench.set_offset(requests_.offset);
  bench.set_buffer_bytes(requests_.buffer_bytes);
  bench.set_step_bytes(requests_.step_bytes);
  bench.set_pattern(static_cast<uint32_t>(pattern_));
  bench.set_flush_interval(requests_.flush_interval);
  bench.set_drains(drains_);
  bench.set_wraps_before_end(environment_.profile.bench_wraps_before_end);
  proto::CreateTarget identity;
  FillIdentity(image.options.path, identity);
  bench.set_random(identity.random());
  return config;
}

// The image is open: the first request follows.
void Bench::Begin() {
  if (begun_)
    return;
  WriteAll(STDOUT_FILENO, compat::BenchStartText(requests_));
  begun_ = Clock::now();
}

int Bench::Measure() {
  const auto image = ReadSource(environment_, call_);
  if (!image)
    return 1;
  vmm::Policy policy = environment_.policy;
  policy.force_share = call_.force_share || image->options.force_share;
  vmm::Outputs outputs;
  if (requests_.writes) {
    outputs = OutputsFor(*image, cache_);
    outputs.data_file = FindDataFile(environment_, *image);
  }
  vmm::Files files(policy, outputs);
  std::optional<uint32_t> slot = 0;
  if (!requests_.writes)
    slot = image->Open(files, cache_);
  if (!slot)
    return PrintOpenError(environment_, files, image->name);
  Session session(environment_, files, compat::CommandKind::kBench);
  session.shown_names[*slot] = image->name;
  session.target_path = requests_.writes ? image->name : std::string();
  session.on_finding = [&](const proto::Finding& finding) {
    if (finding.has_image() && requests_.writes)
      WarnOfGuessedRaw(*image, finding.image());
  };
  session.on_progress = [this](uint64_t, uint64_t) { Begin(); };
  vmm::Limits limits = LimitsFor(environment_, kGuestMemoryBytes);
  limits.io_workers =
      static_cast<uint32_t>(std::clamp(requests_.depth, 1UL, kMaxIoWorkers));
  const bool done = session.Run({image_bench_begin, image_bench_end},
                                MakeConfig(*image, *slot), limits);
  if (!done)
    return 1;
  const std::chrono::duration<double> taken = Clock::now() - *begun_;
  return WriteAll(STDOUT_FILENO, compat::BenchEndText(taken.count())) ? 0 : 1;
}

}  // namespace

int RunBench(const Environment& environment, const Arguments& arguments) {
  return Bench(environment).Run(arguments);
}

}  // namespace instar::cmd
