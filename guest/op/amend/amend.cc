// `amend`: changes what an image is made of.
#include "lib/format/amend.h"

#include "guest/rt/changed_image.h"
#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"

namespace instar::guest {
namespace {

class Progress final : public AmendProgress {
 public:
  explicit Progress(Requests& requests) : requests_(&requests) {}

  void Report(uint64_t done, uint64_t all) override {
    const uint64_t percents = all == 0 ? 100 : done * 100 / all;
    if (percents == reported_) {
      return;
    }
    reported_ = percents;
    requests_->Call(
        {.call = abi::Call::kProgress, .offset = done, .length = all});
  }

 private:
  Requests* requests_;
  uint64_t reported_ = 0;
};

AmendRequest RequestOf(const instar_proto_AmendConfig& config) {
  AmendRequest request = {.encryption = config.encryption,
                          .size_follows = config.size != 0,
                          .may_change_backing = config.may_change_backing,
                          .may_drop_zstd = config.may_drop_zstd};
  if (config.has_compat) {
    request.compat = ViewOf(config.compat);
  }
  if (config.has_refcount_bits) {
    request.refcount_bits = config.refcount_bits;
  }
  if (config.has_lazy_refcounts) {
    request.lazy_refcounts = config.lazy_refcounts;
  }
  if (config.has_data_file) {
    request.data_file = ViewOf(config.data_file);
  }
  if (config.has_data_file_raw) {
    request.data_file_raw = config.data_file_raw;
  }
  if (config.has_backing_file) {
    request.backing_file = ViewOf(config.backing_file);
  }
  if (config.has_backing_format) {
    request.backing_format = ViewOf(config.backing_format);
  }
  return request;
}

// What qemu-img finds wrong already when it opens an image for writing.
bool IsFoundByOpening(Fault fault) {
  return fault == Fault::kQcow2ImageCorrupt ||
         fault == Fault::kQcow2ReftableOffset;
}

}  // namespace

bool RunOperation(Context& context) {
  const instar_proto_AmendConfig& config = context.config->operation.amend;
  Image* image = OpenChanged(context, config.image);
  if (image == nullptr) {
    return false;
  }
  ReportImage(*image);
  if (config.only_open) {
    return true;
  }
  const AmendRequest request = RequestOf(config);
  Progress progress(*context.requests);
  const Status done =
      AmendQcow2(context.arena, image->file(), request, progress);
  if (!done.ok()) {
    const bool opening = IsFoundByOpening(done.error().fault);
    ReportFailure(done.error(),
                  {.stage = opening ? instar_proto_Stage_STAGE_OPEN
                                    : instar_proto_Stage_STAGE_AMEND,
                   .slot = image->file().slot()});
  }
  return done.ok();
}

}  // namespace instar::guest
