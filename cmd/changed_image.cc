#include "cmd/changed_image.h"

#include <unistd.h>

#include "cmd/existing_target.h"
#include "cmd/session.h"
#include "compat/failure.h"

namespace instar::cmd {

vmm::Outputs OutputsFor(const ImageSource& image, vmm::CacheMode cache) {
  vmm::Outputs outputs;
  outputs.target = image.options.path;
  outputs.create = false;
  outputs.cache = image.CacheFor(cache);
  return outputs;
}

std::string FindDataFile(const Environment& environment,
                         const ImageSource& image) {
  const std::string& format = image.options.format;
  if (!format.empty() && format != "qcow2")
    return {};
  ExistingTarget target;
  target.image = image;
  target.format = format;
  LookInto(environment, target);
  return target.data_file;
}

void WarnOfGuessedRaw(const ImageSource& image,
                      const proto::ImageFacts& facts) {
  if (image.options.format.empty() && facts.format() == "raw")
    WriteAll(STDERR_FILENO, compat::RawGuessedText(image.options.path));
}

}  // namespace instar::cmd
