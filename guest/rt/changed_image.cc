#include "guest/rt/changed_image.h"

#include "guest/rt/claims.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "guest/rt/slot_file.h"
#include "lib/format/chain.h"

namespace instar::guest {
namespace {

constexpr uint32_t kClaimFormat = abi::kClaimRead | abi::kClaimWrite |
                                  abi::kClaimResize | abi::kClaimUnshareWrite |
                                  abi::kClaimUnshareResize;
constexpr uint32_t kClaimRaw = abi::kClaimRead | abi::kClaimWrite;
constexpr uint32_t kClaimBelow =
    abi::kClaimRead | abi::kClaimUnshareWrite | abi::kClaimUnshareResize;

bool ClaimChain(Image* top) {
  uint32_t depth = 0;
  for (Image* layer = top; layer != nullptr && depth <= kMaxChainDepth;
       layer = layer->backing(), ++depth) {
    const bool is_raw = layer->facts().format.Equals(ByteView::Of("raw"));
    const uint32_t on_top = is_raw ? kClaimRaw : kClaimFormat;
    const uint32_t flags = layer == top ? on_top : kClaimBelow;
    Status claimed = layer == top ? Claim(layer->file(), flags) : Status();
    if (claimed.ok()) {
      // Other parts of the image are open for reading.
      claimed = ClaimImage(*layer, layer == top ? abi::kClaimRead : flags,
                           layer == top ? abi::kClaimRead : flags);
    }
    if (!claimed.ok()) {
      ReportFailure(claimed.error(), {.slot = layer->file().slot()});
      return false;
    }
  }
  return true;
}

// With `is_alone` nothing below the image is opened.
Image* Open(Context& context, const instar_proto_Source& source, bool is_open,
            bool is_alone, const OpenOptions& options) {
  HostOpener opener(context.arena);
  const Result<File*> file =
      is_open ? SlotFile::AtBoot(context.arena, source.slot)
              : opener.OpenOutput(instar_proto_Role_ROLE_TARGET);
  if (!file.ok()) {
    ReportFailure(file.error(),
                  {.stage = instar_proto_Stage_STAGE_CREATE, .slot = 0});
    return nullptr;
  }
  ChainFailure failure = {.file = file.value()};
  const ByteView format = ViewOf(source.format);
  const ByteView filename = ViewOf(source.filename);
  const Result<Image*> image =
      is_alone ? OpenImage(context.arena, *file.value(), format, filename,
                           opener, options)
               : OpenChain(context.arena, *file.value(), format, filename,
                           opener, options, failure);
  if (!image.ok()) {
    ReportFailure(image.error(), {.slot = failure.file->slot()});
    return nullptr;
  }
  return ClaimChain(image.value()) ? image.value() : nullptr;
}

}  // namespace

Image* OpenChanged(Context& context, const instar_proto_Source& source,
                   bool is_open) {
  return Open(context, source, is_open, false, OpenOptionsOf(context, source));
}

Image* OpenChangedAlone(Context& context, const instar_proto_Source& source,
                        bool is_open) {
  return Open(context, source, is_open, true, OpenOptionsOf(context, source));
}

Image* OpenRepaired(Context& context, const instar_proto_Source& source,
                    bool is_alone) {
  OpenOptions options = OpenOptionsOf(context, source);
  options.for_check = true;
  options.replay_log = true;  // which is what it is repaired for
  return Open(context, source, false, is_alone, options);
}

}  // namespace instar::guest
