// An image that a command reads, as its command line names it: a file name
// with -f, or --image-opts, or options in JSON. Shared by all commands that
// read images:
//
//   const auto source = ReadSource(environment, name, format, image_opts, …);
//   if (!source) return 1;  // the message is printed
//   const auto slot = source->Open(files, cache);
//   if (!slot) return PrintOpenError(environment, files, source->name);
//   source->Describe(*slot, *config.mutable_map()->mutable_source());
//   session.shown_names[*slot] = source->name;
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cmd/command.h"
#include "cmd/image_call.h"
#include "compat/image_opts.h"
#include "gen/guest.pb.h"
#include "vmm/files.h"

namespace instar::cmd {

struct ImageSource {
  std::string name;  // as typed, for messages
  compat::ImageOptions options;
  // Why it stands for no image, without the program's name; empty: it does.
  std::string problem;

  // How the file is cached where the command line asks for `cache`.
  vmm::CacheMode CacheFor(vmm::CacheMode cache) const;
  // Opens the file for reading: its slot, or nothing; see files.error().
  std::optional<uint32_t> Open(vmm::Files& files, vmm::CacheMode cache) const;
  // What the guest must know of it.
  void Describe(uint32_t slot, proto::Source& source) const;
};

// What `name` stands for. `format`: of -f; nothing without -f. `image_opts`:
// --image-opts is given; `force_share`: -U. Prints nothing.
ImageSource FindSource(const Environment& environment, const std::string& name,
                       const std::optional<std::string>& format,
                       bool image_opts, bool force_share);
// Prints warnings and the problem. False: there is one.
bool PrintProblem(const Environment& environment, const ImageSource& source);
// Both in one. Nothing after a message.
std::optional<ImageSource> ReadSource(const Environment& environment,
                                      const std::string& name,
                                      const std::optional<std::string>& format,
                                      bool image_opts, bool force_share);
std::optional<ImageSource> ReadSource(const Environment& environment,
                                      const ImageCall& call);

}  // namespace instar::cmd
