// The bitmaps of its source that `convert` copies, before and after the data.
#pragma once

#include <string>

#include "cmd/command.h"
#include "cmd/convert_call.h"
#include "cmd/source.h"
#include "vmm/files.h"

namespace instar::cmd {

class BitmapCopy {
 public:
  // All arguments outlive the copy. In all files here `source` has slot 0.
  BitmapCopy(const Environment& environment, const ConvertCall& call,
             const ImageSource& source)
      : environment_(environment), call_(call), source_(source) {}

  // Whether what the source has can be copied. False after a message.
  bool Check(vmm::Files& files) const;

  // Copies them to the target, an image of `format`, which stays open, and
  // locked, from its data to its bitmaps. `behind_data`: it is new, and its
  // clusters were taken as its data came. Returns the exit status.
  int Copy(vmm::Files& files, const std::string& format,
           bool behind_data) const;

 private:
  bool Run(vmm::Files& files, const proto::Config& config,
           const std::string& target) const;

  const Environment& environment_;
  const ConvertCall& call_;
  const ImageSource& source_;
};

}  // namespace instar::cmd
