#include "cmd/source.h"

#include <unistd.h>

#include "cmd/session.h"
#include "compat/create_options.h"

namespace instar::cmd {
namespace {

vmm::CacheMode Direct(vmm::CacheMode cache) {
  return cache == vmm::CacheMode::kWritethrough ? vmm::CacheMode::kDirectsync
                                                : vmm::CacheMode::kNone;
}

std::string CouldNotOpen(const std::string& name, const std::string& words) {
  return "Could not open '" + name + "': " + words;
}

}  // namespace

vmm::CacheMode ImageSource::CacheFor(vmm::CacheMode cache) const {
  return options.direct ? Direct(cache) : cache;
}

std::optional<uint32_t> ImageSource::Open(vmm::Files& files,
                                          vmm::CacheMode cache) const {
  return files.OpenSource(options.path, CacheFor(cache));
}

void ImageSource::Describe(uint32_t slot, proto::Source& source) const {
  constexpr size_t kMaxNameBytes = 256;  // proto/guest.options
  source.set_slot(slot);
  source.set_format(options.format);
  const size_t size = options.path.size();
  source.set_filename(
      options.path.substr(size > kMaxNameBytes ? size - kMaxNameBytes : 0));
  source.set_raw_offset(options.raw_offset);
  if (options.raw_size)
    source.set_raw_size(*options.raw_size);
}

ImageSource FindSource(const Environment& environment, const std::string& name,
                       const std::optional<std::string>& format,
                       bool image_opts, bool force_share) {
  ImageSource source{.name = name, .options = {}, .problem = {}};
  if (image_opts && format) {
    source.problem = "--image-opts and --format are mutually exclusive";
    return source;
  }
  if (image_opts) {
    source.options = compat::ParseImageOptions(
        name, force_share, environment.names, environment.profile);
  } else if (compat::IsJsonName(name)) {
    source.options =
        compat::ParseJsonName(name, environment.names, environment.profile);
  } else {
    source.options.path = name;
  }
  const compat::ImageOptions& options = source.options;
  if (!options.error.empty()) {
    source.problem = options.error_is_whole ? options.error
                                            : CouldNotOpen(name, options.error);
    return source;
  }
  if (format && options.is_protocol) {
    source.problem =
        CouldNotOpen(name, "A block device must be specified for \"file\"");
    return source;
  }
  if (format)
    source.options.format = *format;
  const std::string& driver = options.format;
  if (!driver.empty() && compat::FindFormat(driver) == nullptr)
    source.problem = CouldNotOpen(name, "Unknown driver '" + driver + '\'');
  return source;
}

bool PrintProblem(const Environment& environment, const ImageSource& source) {
  WriteAll(STDERR_FILENO, source.options.warnings);
  if (!source.problem.empty())
    PrintError(environment, source.problem);
  return source.problem.empty();
}

std::optional<ImageSource> ReadSource(const Environment& environment,
                                      const std::string& name,
                                      const std::optional<std::string>& format,
                                      bool image_opts, bool force_share) {
  ImageSource source =
      FindSource(environment, name, format, image_opts, force_share);
  if (!PrintProblem(environment, source))
    return std::nullopt;
  return source;
}

std::optional<ImageSource> ReadSource(const Environment& environment,
                                      const ImageCall& call) {
  return ReadSource(environment, call.filename, call.format, call.image_opts,
                    call.force_share);
}

}  // namespace instar::cmd
