#include "cmd/convert_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "cmd/dd_call.h"
#include "cmd/session.h"
#include "compat/fault_text.h"

namespace instar::cmd {
namespace {

constexpr uint64_t kBlockBytes = 1 << 20;

bool IsStdout(const std::string& name) {
  return name == "-" || name == "/dev/stdout";
}

// Why a call cannot be done bytes in order; empty: it can.
std::string Refusal(const ConvertCall& call) {
  if (!call.create)
    return "A pipe does not hold an image: -n cannot be used";
  if (call.target_format.value_or("raw") != "raw") {
    return "Format '" + *call.target_format +
           "' cannot be written to a pipe, only raw can";
  }
  if (call.compress)
    return "Compression not supported for this file format";
  if (!call.option_list.empty() || call.backing || call.backing_format)
    return "Creation options have no effect on a pipe";
  if (call.bitmaps)
    return "Format driver 'raw' does not support bitmaps";
  if (call.progress && !call.quiet && IsStdout(call.output))
    return "-p would print into the image";
  if (call.salvage)
    return "--salvage cannot be used with a pipe";
  if (call.rate_limit != 0)
    return "-r cannot be used with a pipe";
  if (call.snapshot.is_set() && call.sources.size() > 1)
    return "No support for concatenating multiple snapshot";
  return {};
}

}  // namespace

bool WritesToStream(const Environment& environment, const ConvertCall& call) {
  if (!environment.profile.has_own_features || call.target_image_opts)
    return false;
  if (call.output == "-")
    return true;
  struct stat status;
  return stat(call.output.c_str(), &status) == 0 &&
         (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) ||
          (S_ISCHR(status.st_mode) && isatty(STDOUT_FILENO) &&
           IsStdout(call.output)));
}

int ConvertToStream(const Environment& environment, const ConvertCall& call) {
  if (const std::string why = Refusal(call); !why.empty())
    return PrintError(environment, why);
  const bool is_stdout = IsStdout(call.output);
  const int descriptor = is_stdout
                             ? STDOUT_FILENO
                             : open(call.output.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return PrintError(environment, "Could not open '" + call.output +
                                       "': " + compat::ErrnoText(errno));
  }
  int status = 0;
  for (const std::string& name : call.sources) {
    DdCall part;
    part.input = name;
    part.source_format = call.source_format;
    part.image_opts = call.image_opts;
    part.force_share = call.force_share;
    part.snapshot = call.snapshot;
    part.block_bytes = kBlockBytes;
    status = StreamImage(environment, part, descriptor);
    if (status != 0)
      break;
  }
  if (!is_stdout)
    close(descriptor);
  return status;
}

}  // namespace instar::cmd
