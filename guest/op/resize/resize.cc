// `resize`: another size for an image that is there.

#include "lib/format/resize.h"

#include "guest/op/resize/own_formats.h"
#include "guest/op/resize/wanted_bytes.h"
#include "guest/rt/changed_image.h"
#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "guest/rt/slot_file.h"
#include "lib/base/checked.h"
#include "lib/codec/unpacker.h"
#include "lib/format/preallocation_name.h"
#include "lib/format/resized_file.h"
#include "lib/format/target.h"

namespace instar::guest {
namespace {

constexpr uint32_t kClaimData = abi::kClaimRead | abi::kClaimWrite |
                                abi::kClaimResize | abi::kClaimUnshareWrite |
                                abi::kClaimUnshareResize;

// What of an image the new size is about.
struct Job {
  Context* context = nullptr;
  const instar_proto_ResizeConfig* config = nullptr;
  Image* image = nullptr;
  uint64_t bytes = 0;

  Preallocation preallocation() const {
    return static_cast<Preallocation>(config->preallocation);
  }
};

Status ResizeRaw(const Job& job) {
  const instar_proto_Source& source = job.config->image;
  if (source.has_raw_size) {
    return Error{.fault = Fault::kResizeFixedRaw};
  }
  File& file = job.image->file();
  const Preallocation mode = job.preallocation();
  if (static_cast<SlotFile&>(file).is_block_device()) {
    if (mode != Preallocation::kOff) {
      return ModeError(Fault::kResizeDevicePreallocation, mode);
    }
    return job.bytes + source.raw_offset == file.size()
               ? Status()
               : Error{.fault = Fault::kResizeDevice};
  }
  if (mode == Preallocation::kMetadata) {
    return Error{.fault = Fault::kPreallocationUnsupported,
                 .value = static_cast<uint64_t>(mode)};
  }
  TRY(Claim(file, abi::kClaimRead | abi::kClaimWrite | abi::kClaimResize));
  const uint64_t end = TRY(CheckedAdd(source.raw_offset, job.bytes));
  TRY(ResizeFile(file, end, mode));
  return file.Flush();
}

Status ResizeQcow2(const Job& job) {
  ResizedFiles files = {.file = &job.image->file(),
                        .backing = job.image->backing(),
                        .make_unpacker = &codec::Unpacker::Create};
  if (job.image->facts().qcow2->has_data_file) {
    HostOpener opener(job.context->arena);
    files.data_file =
        TRY(opener.OpenOutput(instar_proto_Role_ROLE_TARGET_DATA));
    TRY(Claim(*files.data_file, kClaimData));
  }
  return instar::ResizeQcow2(
      job.context->arena, files,
      {.bytes = job.bytes, .preallocation = job.preallocation()});
}

Status ResizeImage(const Job& job) {
  const ByteView format = job.image->facts().format;
  if (job.config->own_formats && GrowsByOwnMeans(format)) {
    return GrowOwnFormat(*job.context, *job.image, job.bytes,
                         job.preallocation() != Preallocation::kOff);
  }
  if (format.Equals(ByteView::Of("raw"))) {
    return ResizeRaw(job);
  }
  if (format.Equals(ByteView::Of("qcow2"))) {
    return ResizeQcow2(job);
  }
  if (format.Equals(ByteView::Of("qed"))) {
    return ResizeQed(
        job.context->arena, job.image->file(),
        {.bytes = job.bytes, .preallocation = job.preallocation()});
  }
  return Error{.fault = Fault::kResizeUnsupported};
}

}  // namespace

bool RunOperation(Context& context) {
  const instar_proto_ResizeConfig& config = context.config->operation.resize;
  Image* image = OpenChanged(context, config.image);
  if (image == nullptr) {
    return false;
  }
  ReportImage(*image);
  const Qcow2Facts* facts = image->facts().qcow2;
  if (facts != nullptr && facts->has_data_file && !config.knows_data_file) {
    return true;
  }
  const Result<uint64_t> bytes = WantedBytes(config, image->virtual_size());
  const Status done = bytes.ok() ? ResizeImage({.context = &context,
                                                .config = &config,
                                                .image = image,
                                                .bytes = bytes.value()})
                                 : bytes.error();
  if (!done.ok()) {
    ReportFailure(done.error(), {.stage = instar_proto_Stage_STAGE_RESIZE,
                                 .slot = image->file().slot()});
  }
  return done.ok();
}

}  // namespace instar::guest
