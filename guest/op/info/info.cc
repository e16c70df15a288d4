// `info`: opens an image, and with backing_chain every image below it, and
// reports what each format knows.
#include "guest/rt/claims.h"
#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "guest/rt/slot_file.h"
#include "lib/format/chain.h"

namespace instar::guest {
namespace {

// `info` reads no guest-visible data, so that it asks for nothing but that
// nobody changes the metadata under it; a raw image has none.
Status ClaimForInfo(Image& image) {
  if (image.facts().format.Equals(ByteView::Of("raw"))) {
    return {};
  }
  return ClaimImage(image, abi::kClaimUnshareWrite | abi::kClaimUnshareResize,
                    abi::kClaimUnshareResize);
}

struct Layer {
  File* file = nullptr;
  ByteView format;
  ByteView filename;
};

Result<Image*> DescribeLayer(Context& context, HostOpener& opener,
                             const Layer& layer) {
  const instar_proto_InfoConfig& config = context.config->operation.info;
  OpenOptions options = OpenOptionsOf(context, config.source);
  options.info_only = true;
  options.open_data_file = config.open_data_file;
  Image* image = TRY(OpenImage(context.arena, *layer.file, layer.format,
                               layer.filename, opener, options));
  const Status claimed = ClaimForInfo(*image);
  if (!claimed.ok()) {
    return claimed.error();
  }
  ReportImage(*image);
  const Status listed = ReportLists(*image);
  if (!listed.ok()) {
    return listed.error();
  }
  return image;
}

// The file below `image`, or null at the bottom.
Result<Layer> Below(HostOpener& opener, const Image& image) {
  const ImageFacts& facts = image.facts();
  if (!facts.has_backing_file) {
    return Layer{};
  }
  File* file = TRY(opener.Open(image.file(), ReferenceRole::kBacking,
                               facts.backing_file, facts.backing_format));
  return Layer{.file = file,
               .format = facts.backing_format,
               .filename = facts.backing_file};
}

}  // namespace

bool RunOperation(Context& context) {
  const instar_proto_InfoConfig& config = context.config->operation.info;
  HostOpener opener(context.arena);
  const Result<File*> top = SlotFile::AtBoot(context.arena, config.source.slot);
  INSTAR_CHECK(top.ok());
  Layer layer = {.file = top.value(),
                 .format = ViewOf(config.source.format),
                 .filename = ViewOf(config.source.filename)};
  for (uint32_t depth = 0; depth < kMaxChainDepth; ++depth) {
    const FailurePlace place = {.slot = layer.file->slot()};
    const Result<Image*> image = DescribeLayer(context, opener, layer);
    if (!image.ok()) {
      ReportFailure(image.error(), place);
      return false;
    }
    if (!config.backing_chain) {
      return true;
    }
    const Result<Layer> below = Below(opener, *image.value());
    if (!below.ok()) {
      ReportFailure(below.error(), place);
      return false;
    }
    if (below.value().file == nullptr) {
      return true;
    }
    layer = below.value();
  }
  ReportFailure({.fault = Fault::kChainTooDeep, .value = kMaxChainDepth},
                {.slot = layer.file->slot()});
  return false;
}

}  // namespace instar::guest
