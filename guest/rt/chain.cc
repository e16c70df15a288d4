#include "guest/rt/chain.h"

#include "guest/rt/claims.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "guest/rt/slot_file.h"
#include "lib/base/checked.h"
#include "lib/format/chain.h"

namespace instar::guest {
namespace {

constexpr uint64_t kSectorBytes = 512;

bool ClaimLayer(Image& layer, Sharing sharing) {
  const bool raw = layer.facts().format.Equals(ByteView::Of("raw"));
  uint32_t flags = abi::kClaimRead;
  if (!raw || sharing == Sharing::kNothing) {
    flags |= abi::kClaimUnshareWrite | abi::kClaimUnshareResize;
  }
  const Status claimed = ClaimImage(layer, flags, flags);
  if (!claimed.ok()) {
    ReportFailure(claimed.error(), {.slot = layer.file().slot()});
  }
  return claimed.ok();
}

}  // namespace

Image* OpenClaimed(Context& context, File& file, ByteView format,
                   ByteView filename, const OpenOptions& options,
                   Sharing sharing) {
  HostOpener opener(context.arena);
  ChainFailure failure;
  const Result<Image*> image = OpenChain(context.arena, file, format, filename,
                                         opener, options, failure);
  if (!image.ok()) {
    ReportFailure(image.error(), {.slot = failure.file->slot()});
    return nullptr;
  }
  uint32_t depth = 0;
  for (Image* layer = image.value();
       layer != nullptr && depth <= kMaxChainDepth;
       layer = layer->backing(), ++depth) {
    if (!ClaimLayer(*layer, sharing)) {
      return nullptr;
    }
  }
  return image.value();
}

Image* OpenSource(Context& context, const instar_proto_Source& source,
                  Sharing sharing) {
  const Result<File*> file = SlotFile::AtBoot(context.arena, source.slot);
  INSTAR_CHECK(file.ok());
  return OpenClaimed(context, *file.value(), ViewOf(source.format),
                     ViewOf(source.filename), OpenOptionsOf(context, source),
                     sharing);
}

Image* OpenSourceAlone(Context& context, const instar_proto_Source& source) {
  HostOpener opener(context.arena);
  const Result<File*> file = SlotFile::AtBoot(context.arena, source.slot);
  INSTAR_CHECK(file.ok());
  const Result<Image*> image = OpenImage(
      context.arena, *file.value(), ViewOf(source.format),
      ViewOf(source.filename), opener, OpenOptionsOf(context, source));
  if (!image.ok()) {
    ReportFailure(image.error(), {.slot = file.value()->slot()});
    return nullptr;
  }
  return ClaimLayer(*image.value(), Sharing::kFormatsOnly) ? image.value()
                                                           : nullptr;
}

bool ChooseSnapshot(Image& image, const instar_proto_SnapshotChoice& choice) {
  const Status chosen = image.SelectSnapshot(
      {.either = choice.has_id_or_name,
       .has_id = choice.has_id,
       .has_name = choice.has_name,
       .id = choice.has_id_or_name ? ViewOf(choice.id_or_name)
                                   : ViewOf(choice.id),
       .name = ViewOf(choice.name)});
  if (!chosen.ok()) {
    ReportFailure(chosen.error(), {.stage = instar_proto_Stage_STAGE_SNAPSHOT,
                                   .slot = image.file().slot()});
  }
  return chosen.ok();
}

uint64_t MaxClusterBytes(const Image& top) {
  uint64_t longest = kSectorBytes;
  uint32_t depth = 0;
  for (const Image* layer = &top; layer != nullptr && depth <= kMaxChainDepth;
       layer = layer->backing(), ++depth) {
    longest = Max(longest, Max(layer->facts().cluster_size,
                               layer->facts().max_cluster_bytes));
  }
  return longest;
}

}  // namespace instar::guest
