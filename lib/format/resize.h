// Another size for an image that is open for writing: what each format that can
// have one does. Whatever ends it in between, the image reads as before or as
// after.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/opener.h"
#include "lib/base/result.h"
#include "lib/codec/unpacker.h"
#include "lib/format/image.h"
#include "lib/format/target.h"

namespace instar {

struct NewSize {
  uint64_t bytes = 0;
  // Of what is added.
  Preallocation preallocation = Preallocation::kOff;
};

// The files of an image that is open for writing.
struct ResizedFiles {
  File* file = nullptr;
  File* data_file = nullptr;  // null: the data lie in `file`
  Image* backing = nullptr;   // null: none
  codec::MakeUnpacker make_unpacker = nullptr;
};

// As qemu-img does it. Errors: kResize…, kBitmapInconsistent and those of
// writing an image.
Status ResizeQcow2(Arena& arena, const ResizedFiles& files,
                   const NewSize& size);
Status ResizeQed(Arena& arena, File& file, const NewSize& size);

// Growing, which qemu-img does not do for these. `bytes`: whole sectors, more
// than the disk has. Errors: kResizeOwnSize, kUnsupported and those of writing.
Status GrowVdi(Arena& arena, File& file, uint64_t bytes);
Status GrowVhdx(Arena& arena, File& file, uint64_t bytes);
// `opener`: for the extents' files.
Status GrowVmdk(Arena& arena, File& file, Opener& opener, uint64_t bytes);
// `size_prefers_geometry`: as in OpenOptions.
Status GrowVpc(Arena& arena, File& file, bool size_prefers_geometry,
               uint64_t bytes);

}  // namespace instar
