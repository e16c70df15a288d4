// The image that a command changes in place: opened for writing, with all that
// lies below it, as qemu-img opens it.
#pragma once

#include <cstdint>

#include "gen/guest.npb.h"
#include "guest/rt/context.h"
#include "lib/format/image.h"

namespace instar::guest {

// Opens the image, which the host opens for writing when it is asked to
// (ROLE_TARGET) or, with `is_open`, has in source.slot, and takes the locks:
// the image's own for writing, those below for reading. Null: a failure has
// been reported.
Image* OpenChanged(Context& context, const instar_proto_Source& source,
                   bool is_open = false);

// The same for what looks at nothing that lies below the image.
Image* OpenChangedAlone(Context& context, const instar_proto_Source& source,
                        bool is_open = false);

// OpenChanged for what repairs it: as OpenOptions::for_check. With `is_alone`
// nothing below it is opened.
Image* OpenRepaired(Context& context, const instar_proto_Source& source,
                    bool is_alone);

}  // namespace instar::guest
