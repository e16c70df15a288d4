// Writing VMDK images: what the format exports.
#include "lib/format/block_cache.h"
#include "lib/format/target.h"
#include "lib/format/vmdk/create.h"
#include "lib/format/vmdk/disk.h"
#include "lib/format/vmdk/extent_opener.h"
#include "lib/format/vmdk/layout.h"
#include "lib/format/vmdk/vmdk_target.h"

namespace instar::vmdk {
namespace {

constexpr uint8_t kName[] = {'v', 'm', 'd', 'k'};

Error Unsupported(ByteView what) {
  return {.fault = Fault::kUnsupported,
          .text = what.data(),
          .text_bytes = static_cast<uint32_t>(what.size())};
}

// Each of them would add grains where the other does.
bool SharesFile(const Disk& disk, uint64_t index) {
  const ImageExtent& extent = disk.extents[index];
  bool shares = false;
  for (uint64_t i = 0; i < index; ++i) {
    shares = shares || disk.extents[i].file == extent.file;
  }
  return shares && extent.kind != ExtentKind::kFlat;
}

// What can be read but not written.
Status CheckWritable(const Disk& disk) {
  for (uint64_t i = 0; i < disk.num_extents; ++i) {
    const ImageExtent& extent = disk.extents[i];
    if (SharesFile(disk, i)) {
      return Unsupported(ByteView::Of("writing extents that share a file"));
    }
    if (extent.kind == ExtentKind::kSeSparse) {
      return Error{.fault = Fault::kVmdkSeReadOnly};
    }
    if (extent.has_tracked_changes) {
      return Error{.fault = Fault::kVmdkReadOnlyVersion,
                   .value = kVersionTracked};
    }
  }
  return {};
}

Result<Target*> OpenTarget(Arena& arena, const TargetFiles& files,
                           Image* backing, codec::MakeUnpacker make_unpacker) {
  BlockCache cache = TRY(BlockCache::Create(arena, *files.file, 1));
  ExtentOpener opener(*files.opener);
  const Disk disk = TRY(OpenDisk(arena, cache, *files.file, opener));
  TRY(CheckWritable(disk));
  VmdkTarget* target =
      TRY(arena.New<VmdkTarget>(LayerCopy(arena, make_unpacker), *files.file,
                                backing, disk, files.random));
  TRY(target->Init(arena));
  if (files.has_old_data) {
    target->WriteInOrder();
  }
  return static_cast<Target*>(target);
}

}  // namespace

extern const Writer kWriter;
constinit const Writer kWriter = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = &MagicAtStart,
                                  .validate = &ValidateOptions,
                                  .create = &CreateImage,
                                  .open = &OpenTarget};

// The same without the making of images.
extern const Writer kEditor;
constinit const Writer kEditor = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = nullptr,
                                  .validate = nullptr,
                                  .create = nullptr,
                                  .open = &OpenTarget};

}  // namespace instar::vmdk
