// One call of `dd`, as its command line says it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cmd/command.h"
#include "compat/snapshot_param.h"

namespace instar::cmd {

struct DdCall {
  std::optional<std::string> input;   // absent: stdin
  std::optional<std::string> output;  // absent: stdout
  std::optional<std::string> source_format;
  std::string target_format = "raw";
  uint64_t block_bytes = 512;
  std::optional<uint64_t> count;  // blocks
  uint64_t skip = 0;              // blocks
  std::optional<uint64_t> output_bytes;
  std::optional<uint64_t> input_bytes;
  compat::SnapshotParam snapshot;
  bool image_opts = false;
  bool force_share = false;
  bool create = true;  // no -n

  // The two in bytes; where 63 bits do not hold them, more than anything has.
  uint64_t skip_bytes() const;
  uint64_t count_bytes() const;
};

// Reads and checks a command line as far as qemu-img does before it opens a
// file. Returns the exit status if the command ends there.
std::optional<int> ParseDdCall(const Environment& environment,
                               const Arguments& arguments, DdCall& call);

// Writes what the call names of its input to `descriptor`, in order. Returns
// the exit status, after a message. REQUIRES: call.input is set, call.output
// is not.
int StreamImage(const Environment& environment, const DdCall& call,
                int descriptor);

}  // namespace instar::cmd
