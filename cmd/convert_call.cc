#include "cmd/convert_call.h"

#include <utility>

#include "cmd/creation.h"
#include "cmd/image_call.h"
#include "cmd/session.h"
#include "compat/help.h"
#include "compat/numbers.h"

namespace instar::cmd {
namespace {

using compat::Opt;

constexpr uint64_t kMaxSparseBytes = 16 << 20;
constexpr uint64_t kSectorBytes = 512;

// The option's place in the call, where it is a flag.
bool* FlagOf(Opt opt, ConvertCall& call) {
  const std::pair<Opt, bool*> flags[] = {
      {Opt::kImageOpts, &call.image_opts},
      {Opt::kTargetImageOpts, &call.target_image_opts},
      {Opt::kForceShare, &call.force_share},
      {Opt::kCopyOffloading, &call.copy_offloading},
      {Opt::kCompress, &call.compress},
      {Opt::kProgress, &call.progress},
      {Opt::kQuiet, &call.quiet},
      {Opt::kOutOfOrder, &call.out_of_order},
      {Opt::kSalvage, &call.salvage},
      {Opt::kTargetIsZero, &call.target_is_zero},
      {Opt::kBitmaps, &call.bitmaps},
      {Opt::kSkipBrokenBitmaps, &call.skip_broken_bitmaps},
  };
  for (const auto& [flag, place] : flags)
    if (flag == opt)
      return place;
  return nullptr;
}

// -S. False after a message.
bool ReadSparseSize(const Environment& environment, const std::string& text,
                    ConvertCall& call) {
  const auto size =
      ReadBytes(environment, "buffer size for sparse output", text);
  if (!size)
    return false;
  if (*size % kSectorBytes != 0 || *size > kMaxSparseBytes) {
    PrintError(environment,
               "Invalid buffer size for sparse output specified. Valid sizes "
               "are multiples of 512 up to 16777216. Select 0 to disable "
               "sparse detection (fully allocates output).");
    return false;
  }
  call.sparse_bytes = *size;
  call.has_sparse_size = true;
  return true;
}

// Options that take a value. False after a message.
bool ReadValue(const Environment& environment,
               const compat::ParsedOption& option, ConvertCall& call) {
  const std::pair<Opt, std::optional<std::string>*> texts[] = {
      {Opt::kFormat, &call.source_format},
      {Opt::kTargetFormat, &call.target_format},
      {Opt::kBacking, &call.backing},
      {Opt::kBackingFormat, &call.backing_format},
  };
  for (const auto& [opt, place] : texts)
    if (opt == option.opt)
      *place = option.value;
  if (option.opt == Opt::kCache)
    call.cache = option.value;
  if (option.opt == Opt::kSourceCache)
    call.source_cache = option.value;
  if (option.opt == Opt::kSnapshot) {
    std::string output;
    const bool ok = compat::ReadSnapshotParam(environment.names, option.value,
                                              call.snapshot, output);
    Complain(output);
    return ok;
  }
  if (option.opt == Opt::kOptions)
    return AppendOptionList(environment, call.option_list, option.value);
  if (option.opt == Opt::kSparseSize)
    return ReadSparseSize(environment, option.value, call);
  if (option.opt == Opt::kRateLimit) {
    const auto rate = ReadBytes(environment, "rate limit", option.value);
    call.rate_limit = rate.value_or(0);
    return rate.has_value();
  }
  if (option.opt == Opt::kParallel) {
    const compat::Parallel parallel = compat::ParseParallel(
        environment.names, environment.profile, option.value);
    if (!parallel.error.empty())
      Complain(parallel.error);
    return parallel.error.empty();
  }
  return true;
}

// What does not go together, in qemu-img's order. Empty: all does.
std::string Conflict(const ConvertCall& call) {
  if (call.skip_broken_bitmaps && !call.bitmaps)
    return "Use of --skip-broken-bitmaps requires --bitmaps";
  if (call.compress && call.copy_offloading)
    return "Cannot enable copy offloading when -c is used";
  if (call.has_sparse_size && call.copy_offloading)
    return "Cannot enable copy offloading when -S is used";
  if (call.salvage && call.copy_offloading)
    return "Cannot use copy offloading in salvaging mode";
  if (call.target_image_opts && call.create)
    return "--target-image-opts requires use of -n flag";
  if (!call.create && !call.option_list.empty())
    return "-o has no effect when skipping image creation";
  if (call.target_is_zero && call.create)
    return "--target-is-zero requires use of -n flag";
  return {};
}

}  // namespace

std::optional<int> ParseConvertCall(const Environment& environment,
                                    const Arguments& arguments,
                                    ConvertCall& call) {
  compat::OptionReader reader(environment.names, environment.profile, "convert",
                              arguments);
  while (const auto option = reader.Next()) {
    if (option->opt == Opt::kHelp)
      return PrintCommandHelp(environment, "convert");
    if (option->opt == Opt::kObject)
      return RefuseObject(environment);
    if (option->opt == Opt::kNoCreate)
      call.create = false;
    if (bool* flag = FlagOf(option->opt, call))
      *flag = true;
    if (!ReadValue(environment, *option, call))
      return 1;
  }
  if (reader.failed())
    return Complain(reader.error());
  if (const std::string text = Conflict(call); !text.empty())
    return PrintError(environment, text);

  call.sources = reader.operands();
  const bool has_output = call.sources.size() >= 2;
  if (compat::AsksForHelp(call.option_list)) {
    return PrintCreationHelp(environment, call.target_format.value_or("raw"),
                             has_output);
  }
  if (!has_output)
    return PrintError(environment, "Must specify image file name");
  call.output = call.sources.back();
  call.sources.pop_back();
  return std::nullopt;
}

}  // namespace instar::cmd
