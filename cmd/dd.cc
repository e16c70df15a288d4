// `dd`: a part of an image, byte for byte, into a new or an existing one. Under
// this program's own name also from stdin and to stdout: through a file in
// memory, a window at a time.
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "cmd/creation.h"
#include "cmd/dd_call.h"
#include "cmd/existing_target.h"
#include "cmd/memory_file.h"
#include "cmd/session.h"
#include "cmd/snapshot_choice.h"
#include "cmd/source.h"
#include "compat/fault_text.h"
#include "compat/filename.h"
#include "compat/target_options.h"

namespace instar::cmd {
namespace {

constexpr uint64_t kGuestMemoryBytes = 320 << 20;  // as convert's
constexpr uint32_t kMaxWorkers = 4;
constexpr uint64_t kWindowBytes = 64 << 20;

// A part of a source, and where it goes.
struct Part {
  uint64_t offset = 0;
  uint64_t length = 0;
  uint64_t target_offset = 0;
};

class Dd {
 public:
  Dd(const Environment& environment, const DdCall& call)
      : environment_(environment), call_(call) {}

  int Run();
  int Stream(int descriptor);

 private:
  // Each returns the exit status, after a message, if the command ends there.
  std::optional<int> PrepareSource();
  std::optional<int> PrepareTarget();

  int FromImage();
  int ToStream(int descriptor);
  int FromStdin();
  // Runs the guest once. `narrow`: no other run follows.
  bool Move(const Part& part, bool create, bool narrow);
  proto::Config MakeConfig(const Part& part, bool create,
                           uint32_t num_workers) const;

  // Where reading ends, in bytes of the source, if it has so many.
  uint64_t ReadEnd() const;
  // Where the source ends for all that is done with it.
  uint64_t SourceEnd() const { return std::min(ReadEnd(), source_bytes_); }
  void WarnOfSkip() const;

  int Fail(const std::string& text) const {
    return PrintError(environment_, text);
  }

  const Environment& environment_;
  const DdCall& call_;
  ImageSource source_;
  compat::TargetOptions target_;
  std::string target_path_;
  std::string data_file_;      // of a target that exists; empty: none
  uint64_t target_bytes_ = 0;  // of a new one; 0: as many as come
  uint64_t source_bytes_ = 0;  // of the guest-visible disk
};

uint64_t Dd::ReadEnd() const {
  if (call_.input_bytes && *call_.input_bytes != 0)
    return *call_.input_bytes;
  return call_.output_bytes.value_or(call_.count_bytes());
}

void Dd::WarnOfSkip() const {
  const uint64_t skip = call_.skip_bytes();
  if (skip > SourceEnd())
    Fail(source_.name + ": cannot skip to specified offset");
}

std::optional<int> Dd::PrepareSource() {
  auto source = ReadSource(environment_, *call_.input, call_.source_format,
                           call_.image_opts, call_.force_share);
  if (!source)
    return 1;
  source_ = *source;
  // Where it cannot be opened that is said before anything of the output.
  vmm::Policy policy = environment_.policy;
  policy.force_share = call_.force_share || source_.options.force_share;
  vmm::Files files(policy, vmm::Outputs{});
  if (!source_.Open(files, vmm::CacheMode::kWriteback))
    return PrintOpenError(environment_, files, source_.name);
  return std::nullopt;
}

std::optional<int> Dd::PrepareTarget() {
  const std::string& format = call_.target_format;
  if (compat::FindFormat(format) == nullptr)
    return Fail("Unknown file format");
  const OutputFormat found = FindOutputFormat(format, *call_.output);
  if (found.row == nullptr)
    return Fail(found.error);
  compat::CreateOptions options(*found.row, environment_.profile);
  options.SetNumber("size", 0);
  target_ =
      compat::ReadTargetOptions(*found.row, options, environment_.profile);
  if (!target_.unsupported.empty())
    return Fail(target_.unsupported);
  target_path_ = compat::ParseImageName(*call_.output).path;
  if (!call_.create) {
    ConvertCall existing;
    existing.output = *call_.output;
    existing.target_format = format;
    const ExistingTarget target = FindExistingTarget(environment_, existing);
    if (!target.problem.empty())
      return Fail(target.problem);
    data_file_ = target.data_file;
  }
  const std::string why = DeviceProblem(target_path_, target_.target);
  if (call_.create && !why.empty())
    return Fail(*call_.output + ": error while creating output image: " + why);
  target_bytes_ = call_.output_bytes.value_or(0);
  return std::nullopt;
}

proto::Config Dd::MakeConfig(const Part& part, bool create,
                             uint32_t num_workers) const {
  proto::Config config;
  proto::ConvertConfig& convert = *config.mutable_convert();
  source_.Describe(0, *convert.add_sources());
  *convert.mutable_target() = target_.target;
  FillIdentity(target_path_, *convert.mutable_target());
  convert.mutable_target()->set_size(target_bytes_);
  convert.set_create(create);
  convert.set_sparse_sectors(0);
  convert.set_num_workers(num_workers);
  proto::DdPart& dd = *convert.mutable_dd();
  dd.set_offset(part.offset);
  dd.set_length(part.length);
  dd.set_target_offset(part.target_offset);
  dd.set_block_bytes(call_.block_bytes);
  return config;
}

bool Dd::Move(const Part& part, bool create, bool narrow) {
  vmm::Policy policy = environment_.policy;
  policy.force_share = call_.force_share || source_.options.force_share;
  vmm::Outputs outputs;
  outputs.target = target_path_;
  outputs.create = create;
  outputs.data_file = data_file_;
  SetCreationModes(environment_, target_, outputs);
  vmm::Files files(policy, outputs);
  if (!source_.Open(files, vmm::CacheMode::kWriteback)) {
    PrintOpenError(environment_, files, source_.name);
    return false;
  }
  vmm::Limits limits =
      LimitsForWorkers(environment_, kGuestMemoryBytes, kMaxWorkers);
  limits.narrow = narrow;
  proto::Config config = MakeConfig(part, create, limits.num_vcpus);
  if (call_.snapshot.is_set() &&
      !FillSnapshotChoice(call_.snapshot,
                          *config.mutable_convert()->mutable_snapshot())) {
    Fail("Failed to load snapshot: Can't find snapshot");
    return false;
  }
  Session session(environment_, files, compat::CommandKind::kDd);
  session.shown_names[0] = source_.name;
  session.target_path = call_.output.value_or(target_path_);
  session.target_format = target_.target.format();
  session.on_finding = [&](const proto::Finding& finding) {
    if (finding.has_plan())
      source_bytes_ = finding.plan().size();
  };
  if (session.Run(ConvertGuest(false), config, limits))
    return true;
  const auto& failure = session.failure();
  if (failure && failure->stage() == proto::STAGE_CREATE && create &&
      target_.target.format() == "qcow2")
    files.RemoveCreated();
  return false;
}

int Dd::FromImage() {
  const uint64_t skip = call_.skip_bytes();
  const uint64_t end = ReadEnd();
  const Part part = {.offset = skip, .length = end - std::min(skip, end)};
  if (!Move(part, call_.create, true))
    return 1;
  WarnOfSkip();
  return 0;
}

int Dd::ToStream(int descriptor) {
  const MemoryFile window;
  target_.target.set_format("raw");
  target_path_ = window.path();
  uint64_t offset = call_.skip_bytes();
  const uint64_t read_end = ReadEnd();
  while (true) {
    const uint64_t left = read_end - std::min(offset, read_end);
    if (!Move({.offset = offset, .length = std::min(left, kWindowBytes)}, true,
              false))
      return 1;
    const uint64_t end = SourceEnd();
    const uint64_t bytes = std::min(end - std::min(offset, end), kWindowBytes);
    const int error = window.Drain(descriptor, bytes);
    if (error != 0) {
      return Fail("error while writing to output image file: " +
                  compat::ErrnoText(-error));
    }
    if (bytes < kWindowBytes || offset + bytes == end)
      break;
    offset += bytes;
  }
  WarnOfSkip();
  return 0;
}

int Dd::FromStdin() {
  if (!call_.output_bytes && !call_.count)
    return Fail("Output size must be known when reading from stdin");
  if (call_.snapshot.is_set())
    return Fail("Failed to load snapshot: stdin has none");
  const MemoryFile window;
  source_ = FindSource(environment_, window.path(), "raw", false, false);
  source_.name = "stdin";
  const uint64_t end = ReadEnd();
  uint64_t left = end - std::min(end, call_.skip_bytes());
  if (!call_.output_bytes)
    target_bytes_ = left;
  uint64_t done = 0;
  bool first = true;
  while (first || left != 0) {
    const uint64_t wanted = std::min(left, kWindowBytes);
    const int64_t got = window.Fill(STDIN_FILENO, wanted);
    if (got < 0) {
      return Fail("error while reading from input image file: " +
                  compat::ErrnoText(static_cast<int>(-got)));
    }
    const auto bytes = static_cast<uint64_t>(got);
    if (!call_.output) {
      if (window.Drain(STDOUT_FILENO, bytes) != 0)
        return Fail("error while writing to output image file");
    } else if (!Move({.offset = 0, .length = bytes, .target_offset = done},
                     call_.create && first, false)) {
      return 1;
    }
    if (bytes < wanted)
      return Fail("Input ended unexpectedly");
    first = false;
    left -= bytes;
    done += bytes;
  }
  return 0;
}

int Dd::Stream(int descriptor) {
  if (const auto status = PrepareSource())
    return *status;
  return ToStream(descriptor);
}

int Dd::Run() {
  if (call_.input) {
    if (const auto status = PrepareSource())
      return *status;
  }
  if (call_.output) {
    if (const auto status = PrepareTarget())
      return *status;
  }
  if (!call_.input)
    return FromStdin();
  return call_.output ? FromImage() : ToStream(STDOUT_FILENO);
}

}  // namespace

int StreamImage(const Environment& environment, const DdCall& call,
                int descriptor) {
  return Dd(environment, call).Stream(descriptor);
}

int RunDd(const Environment& environment, const Arguments& arguments) {
  DdCall call;
  if (const auto status = ParseDdCall(environment, arguments, call))
    return *status;
  return Dd(environment, call).Run();
}

}  // namespace instar::cmd
