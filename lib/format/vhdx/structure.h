// All that stands around the blocks of an image: opened the same way for
// reading and for checking.
#pragma once

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/vhdx/bat.h"
#include "lib/format/vhdx/metadata.h"
#include "lib/format/vhdx/metadata_file.h"
#include "lib/format/vhdx/regions.h"

namespace instar::vhdx {

struct Structure {
  MetadataFile file;
  Regions regions;
  DiskParameters parameters;
  Bat bat;
};

// Reads headers, log, region table and metadata, in the order of qemu's
// checks; the entries of the BAT are not looked at. With `replay_log` the log
// counts, else one that holds something is an error.
// Errors: those of the parts.
Status OpenStructure(Arena& arena, File& file, bool replay_log,
                     Structure& structure);

}  // namespace instar::vhdx
