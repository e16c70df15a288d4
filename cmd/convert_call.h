// One call of `convert`, as its command line says it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cmd/command.h"
#include "compat/options.h"
#include "compat/snapshot_param.h"

namespace instar::cmd {

struct ConvertCall {
  std::vector<std::string> sources;
  std::string output;

  std::optional<std::string> source_format;
  std::optional<std::string> target_format;  // raw where it is left out
  std::string option_list;                   // of all -o
  std::optional<std::string> backing;
  std::optional<std::string> backing_format;
  std::string cache = "unsafe";
  std::string source_cache = "writeback";
  uint64_t sparse_bytes = 4096;  // -S
  uint64_t rate_limit = 0;       // bytes a second; 0: none
  compat::SnapshotParam snapshot;
  bool has_sparse_size = false;
  bool image_opts = false;
  bool target_image_opts = false;
  bool force_share = false;
  bool copy_offloading = false;
  bool compress = false;
  bool progress = false;
  bool quiet = false;
  bool create = true;  // no -n
  bool out_of_order = false;
  bool salvage = false;
  bool target_is_zero = false;
  bool bitmaps = false;
  bool skip_broken_bitmaps = false;
};

// Reads and checks a command line as far as qemu-img does before it opens a
// file. Returns the exit status if the command ends there.
std::optional<int> ParseConvertCall(const Environment& environment,
                                    const Arguments& arguments,
                                    ConvertCall& call);

}  // namespace instar::cmd
