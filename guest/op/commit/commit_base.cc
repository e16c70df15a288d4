#include "guest/convert/commit_base.h"

#include "guest/rt/claims.h"
#include "guest/rt/output.h"
#include "lib/base/errno.h"
#include "lib/codec/unpacker.h"
#include "lib/format/chain.h"
#include "lib/format/layering.h"
#include "lib/format/writers.h"

namespace instar::guest {
namespace {

constexpr uint32_t kClaimFormat = abi::kClaimRead | abi::kClaimWrite |
                                  abi::kClaimResize | abi::kClaimUnshareWrite |
                                  abi::kClaimUnshareResize;
constexpr uint32_t kClaimRaw =
    abi::kClaimRead | abi::kClaimWrite | abi::kClaimResize;

SlotFile& SlotOf(File& file) {
  return static_cast<SlotFile&>(file);
}

}  // namespace

bool CommitBase::Failed(const Error& error) const {
  ReportFailure(error, {.stage = instar_proto_Stage_STAGE_COMMIT,
                        .slot = image_->file().slot()});
  return false;
}

// The host knows which layer is meant, and lets no other be written.
bool CommitBase::Find(Image& top) {
  image_ = &top;
  if (top.backing() == nullptr) {
    return Failed({.fault = Fault::kCommitNoBacking});
  }
  uint32_t depth = 0;
  for (Image* layer = top.backing();
       layer != nullptr && depth <= kMaxChainDepth;
       layer = layer->backing(), ++depth) {
    const Result<File*> file = opener_.OpenForWriting(layer->file());
    if (file.ok()) {
      image_ = layer;
      files_.file = file.value();
      return true;
    }
    if (file.error().error != kEnoent) {
      image_ = layer;
      return Failed(file.error());
    }
  }
  return Failed({.fault = Fault::kCommitBaseMissing});
}

bool CommitBase::Lock() {
  const bool is_raw = image_->facts().format.Equals(ByteView::Of("raw"));
  const uint32_t flags = is_raw ? kClaimRaw : kClaimFormat;
  const Status claimed = ClaimImage(*image_, flags, flags);
  return claimed.ok() || Failed(claimed.error());
}

Status CommitBase::Grow(uint64_t size) {
  const Layering* layering = FindLayering(image_->facts().format);
  const uint64_t mark = context_.arena.Mark();
  if (layering != nullptr && layering->check != nullptr) {
    TRY(layering->check(context_.arena, *files_.file));
  }
  if (size > image_->virtual_size()) {
    const Grower* found = nullptr;
    for (const Grower* grower : growers_) {
      found = grower->format.Equals(image_->facts().format) ? grower : found;
    }
    if (found == nullptr) {
      return Error{.fault = Fault::kErrno, .error = kEopnotsupp};
    }
    TRY(found->grow(context_.arena, *files_.file, *image_, size));
  }
  context_.arena.Rewind(mark);
  return {};
}

Status CommitBase::OpenTarget() {
  const ImageFacts& facts = image_->facts();
  const Writer* writer = FindWriter(facts.format);
  if (writer == nullptr) {
    return Error{.fault = Fault::kCommitOtherGuest,
                 .text = facts.format.data(),
                 .text_bytes = static_cast<uint32_t>(facts.format.size())};
  }
  files_.opener = &opener_;
  files_.random = ViewOf(context_.config->operation.commit.random);
  files_.has_old_data = true;
  if (facts.data_file != nullptr) {
    files_.data_file = TRY(opener_.OpenForWriting(*facts.data_file));
    TRY(Claim(*files_.data_file, kClaimFormat));
  }
  target_ = TRY(writer->open(context_.arena, files_, image_->backing(),
                             &codec::Unpacker::Create));
  return {};
}

bool CommitBase::Open(Image& top) {
  if (!Find(top) || !Lock()) {
    return false;
  }
  Status opened = FindWriter(image_->facts().format) == nullptr
                      ? Status()
                      : Grow(top.virtual_size());
  if (opened.ok()) {
    opened = OpenTarget();
  }
  return opened.ok() || Failed(opened.error());
}

void CommitBase::WritesAfter(const LayerMove& move) {
  // qcow2 flushes where the order matters.
  const bool is_ordered = image_->facts().qcow2 != nullptr;
  SlotOf(*files_.file).WaitsFor(move.unfinished_writes(), !is_ordered);
}

bool CommitBase::Finish() {
  Status status =
      files_.data_file == nullptr ? Status() : files_.data_file->Flush();
  if (status.ok()) {
    status = target_->Finish();
  }
  if (status.ok()) {
    status = files_.file->Flush();
  }
  return status.ok() || Failed(status.error());
}

}  // namespace instar::guest
