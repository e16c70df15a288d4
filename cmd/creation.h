// What create and convert share: the -o lists and the format of the output.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cmd/command.h"
#include "compat/create_options.h"
#include "compat/target_options.h"

namespace instar::cmd {

// Adds an argument of -o to what earlier ones said. False: it is no list, and
// the error has been printed.
bool AppendOptionList(const Environment& environment, std::string& list,
                      const std::string& argument);

// `-o help`: prints and returns the exit status. `with_file`: an output was
// named.
int PrintCreationHelp(const Environment& environment,
                      const std::string& format_name, bool with_file);

// The format of an output, if qemu-img and this program can make it there.
struct OutputFormat {
  const compat::FormatRow* row = nullptr;
  std::string error;  // where row is null
};
OutputFormat FindOutputFormat(const std::string& format_name,
                              std::string_view filename);

// Prints the warnings that reading `options` gave.
void PrintWarnings(const Environment& environment,
                   const compat::CreateOptions& options);

// Passes on to `outputs` how the host is to make the files. `environment` must
// outlive it.
void SetCreationModes(const Environment& environment,
                      const compat::TargetOptions& target,
                      vmm::Outputs& outputs);

// Gives `target` what ids and times in a new image are made of.
void FillIdentity(proto::CreateTarget& target);

// An argument of --object. There are no objects; returns the exit status.
int RefuseObject(const Environment& environment);

}  // namespace instar::cmd
