#include "guest/op/commit/commit_base.h"

#include "guest/rt/claims.h"
#include "guest/rt/output.h"
#include "guest/rt/pending_writes.h"
#include "lib/base/errno.h"
#include "lib/codec/unpacker.h"
#include "lib/format/chain.h"
#include "lib/format/layering.h"
#include "lib/format/resize.h"
#include "lib/format/writers.h"

namespace instar::guest {
namespace {

constexpr uint32_t kClaimFormat = abi::kClaimRead | abi::kClaimWrite |
                                  abi::kClaimResize | abi::kClaimUnshareWrite |
                                  abi::kClaimUnshareResize;
constexpr uint32_t kClaimRaw =
    abi::kClaimRead | abi::kClaimWrite | abi::kClaimResize;

}  // namespace

bool CommitBase::Failed(const Error& error) const {
  ReportFailure(error, {.stage = instar_proto_Stage_STAGE_COMMIT,
                        .slot = image_->file().slot()});
  return false;
}

// The host knows which layer is meant, and lets no other be written.
bool CommitBase::Find(Image& top) {
  image_ = &top;
  const bool names_base = context_.config->operation.commit.names_base;
  if (top.backing() == nullptr && !names_base) {
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

Status CommitBase::OpenDataFile() {
  files_.data_file = TRY(opener_.OpenForWriting(*image_->facts().data_file));
  return Claim(*files_.data_file, kClaimFormat);
}

Status CommitBase::GrowDisk(uint64_t size) {
  Arena& arena = context_.arena;
  const ByteView format = image_->facts().format;
  Image* below = image_->backing();
  if (format.Equals(ByteView::Of("raw"))) {
    return files_.file->Truncate(size, FilePreallocation::kSparse);
  }
  if (format.Equals(ByteView::Of("qcow2"))) {
    return ResizeQcow2(arena,
                       {.file = files_.file,
                        .data_file = files_.data_file,
                        .backing = below,
                        .make_unpacker = &codec::Unpacker::Create},
                       {.bytes = size});
  }
  const bool shows_below = below != nullptr && below->virtual_size() > size;
  if (format.Equals(ByteView::Of("qed")) && !shows_below) {
    return ResizeQed(arena, *files_.file, {.bytes = size});
  }
  return Error{.fault = Fault::kErrno, .error = kEopnotsupp};
}

// qemu-img says no more of a base that cannot grow than the system's word.
Status CommitBase::Grow(uint64_t size) {
  const Layering* layering = FindLayering(image_->facts().format);
  const uint64_t mark = context_.arena.Mark();
  if (layering != nullptr && layering->check != nullptr) {
    TRY(layering->check(context_.arena, *files_.file));
  }
  Status grown;
  if (size > image_->virtual_size()) {
    grown = GrowDisk(size);
  }
  context_.arena.Rewind(mark);
  if (grown.ok() || grown.error().fault == Fault::kErrno) {
    return grown;
  }
  const int32_t error = grown.error().error;
  return Error{.fault = Fault::kErrno,
               .error = error == 0 ? kEopnotsupp : error};
}

Status CommitBase::OpenTarget() {
  const ImageFacts& facts = image_->facts();
  const Writer* writer = FindWriter(facts.format);
  files_.opener = &opener_;
  files_.random = ViewOf(context_.config->operation.commit.random);
  files_.has_old_data = true;
  target_ =
      TRY(bitmaps_.Open(context_, *writer, image_, files_, image_->backing()));
  return {};
}

bool CommitBase::Open(Image& top) {
  if (!Find(top) || !Lock()) {
    return false;
  }
  const ImageFacts& facts = image_->facts();
  if (FindWriter(facts.format) == nullptr) {
    return Failed({.fault = Fault::kCommitNoReopen,
                   .text = facts.format.data(),
                   .text_bytes = static_cast<uint32_t>(facts.format.size())});
  }
  Status opened = facts.data_file == nullptr ? Status() : OpenDataFile();
  if (opened.ok()) {
    opened = Grow(top.virtual_size());
  }
  if (opened.ok()) {
    opened = OpenTarget();
  }
  return opened.ok() || Failed(opened.error());
}

void CommitBase::WritesAfter(LayerMove& move) {
  WriteBefore(files_, image_->facts().qcow2 != nullptr, &move);
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
  if (status.ok()) {
    status = bitmaps_.End();
  }
  return status.ok() || Failed(status.error());
}

}  // namespace instar::guest
