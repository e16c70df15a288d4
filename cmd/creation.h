// What create and convert share: the -o lists and the format of the output.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
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

// Whether qemu-img deletes an output that it could not make. Others stay as
// they are.
bool RemovesFailedOutput(std::string_view format);

// Makes the output's file, empty, for an error that is told only then.
void LeaveEmptyOutput(const Environment& environment,
                      const vmm::Outputs& outputs);

// What a new image of that kind cannot be on the block device at `path`; empty:
// it can, or there is no device.
std::string DeviceProblem(const std::string& path,
                          const proto::CreateTarget& target);

// Gives `target` what ids, times and names in an image at `path` are made of.
void FillIdentity(const std::string& path, proto::CreateTarget& target);

// The guest that writes images from others, with packed clusters or without.
std::span<const uint8_t> ConvertGuest(bool packed);

// An argument of --object. There are no objects; returns the exit status.
int RefuseObject(const Environment& environment);

}  // namespace instar::cmd
