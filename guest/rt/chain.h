// The image that a command reads, with all that lies below it: opened, and its
// files locked as qemu-img would lock them.
#pragma once

#include <cstdint>

#include "gen/guest.npb.h"
#include "guest/rt/context.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/format/image.h"

namespace instar::guest {

// What a reader lets others do meanwhile.
enum class Sharing : uint8_t {
  kFormatsOnly,  // nobody writes to an image that has metadata; raw is shared
  kNothing,      // nobody writes to any layer
};

// Opens `file` and every layer below it, then locks each. Null: a failure has
// been reported.
Image* OpenClaimed(Context& context, File& file, ByteView format,
                   ByteView filename, const OpenOptions& options,
                   Sharing sharing);

// The same for an image of the command line.
Image* OpenSource(Context& context, const instar_proto_Source& source,
                  Sharing sharing);

// The same without what lies below it, which others may hold.
Image* OpenSourceAlone(Context& context, const instar_proto_Source& source);

// Lets `image` show a snapshot. False after a report.
bool ChooseSnapshot(Image& image, const instar_proto_SnapshotChoice& choice);

// The longest cluster of the image and of all below it, at least a sector.
uint64_t MaxClusterBytes(const Image& top);

}  // namespace instar::guest
