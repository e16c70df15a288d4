// The image that a command makes: from the request to an opened Target. Shared
// by the operations that write.
#pragma once

#include "gen/guest.npb.h"
#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "guest/rt/slot_file.h"
#include "lib/base/result.h"
#include "lib/format/image.h"
#include "lib/format/target.h"

namespace instar::guest {

// The bytes of a bounded field of the configuration.
template <typename Bytes>
ByteView ViewOf(const Bytes& field) {
  return {field.bytes, field.size};
}

// How every image of the run is opened.
OpenOptions OpenOptionsOf(const Context& context);
// How the user wants an image of the command line opened.
OpenOptions OpenOptionsOf(const Context& context,
                          const instar_proto_Source& source);

// The creation options in `target`; views point into the configuration.
CreateOptions CreateOptionsOf(const instar_proto_CreateTarget& target);

// Checks `options`, has the host create the files, and writes the empty image,
// all but its magic: SlotFile::Release of files.file writes that.
// `files` refer to `opener` afterwards.
// A failure has been reported.
bool CreateOutput(Context& context, const Writer& writer,
                  const CreateOptions& options, HostOpener& opener,
                  TargetFiles& files);

}  // namespace instar::guest
