// Where an image is and how it is opened, as --image-opts and names that begin
// with "json:" say it: keys and values instead of a file name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "compat/profile.h"
#include "compat/usage.h"

namespace instar::compat {

struct ImageOptions {
  std::string path;    // of the file, as open(2) takes it
  std::string format;  // driver name; empty: to be probed
  // raw: the part of the file that is the disk, in bytes.
  uint64_t raw_offset = 0;
  std::optional<uint64_t> raw_size;
  bool direct = false;       // past the host's page cache
  bool force_share = false;  // as -U
  bool read_only = false;    // of the format's node; matters to writers only
  bool is_protocol = false;  // the driver is "file": raw without its layer
  // How qemu-img names the image where its path does not say it all.
  std::string shown_name;
  std::string warnings;  // for stderr, to be printed in any case
  // What is wrong; empty: nothing is. Without the program's name. Where
  // `error_is_whole` is not set it belongs behind "Could not open 'TEXT': ".
  std::string error;
  bool error_is_whole = false;
};

// Reads "driver=raw,offset=1M,file.filename=a.img". A comma in a value is
// doubled.
ImageOptions ParseImageOptions(std::string_view text, bool force_share,
                               const Names& names, const Profile& profile);

// Whether `name` holds options in JSON.
bool IsJsonName(std::string_view name);

// Reads "json:{"driver": "raw", "file": {"filename": "a.img"}}".
ImageOptions ParseJsonName(std::string_view name, const Names& names,
                           const Profile& profile);

}  // namespace instar::compat
