// `rebase`: makes an overlay name another backing file. In safe mode all that
// would change by it is stored in the overlay before.
#include "guest/convert/layer_move.h"
#include "guest/op/rebase/rebase_plan.h"
#include "guest/rt/chain.h"
#include "guest/rt/changed_image.h"
#include "guest/rt/changed_target.h"
#include "guest/rt/claims.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "guest/rt/pending_writes.h"
#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/chain.h"
#include "lib/format/layering.h"

namespace instar::guest {
namespace {

constexpr uint32_t kClaimFormat = abi::kClaimRead | abi::kClaimWrite |
                                  abi::kClaimResize | abi::kClaimUnshareWrite |
                                  abi::kClaimUnshareResize;
constexpr uint32_t kClaimRaw = abi::kClaimRead | abi::kClaimWrite;

constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kSubclusters = 32;  // of a cluster with extended L2

class Rebase {
 public:
  explicit Rebase(Context& context)
      : context_(context),
        config_(context.config->operation.rebase),
        opener_(context.arena) {}

  bool Run();

 private:
  bool Failed(const Error& error, instar_proto_Stage stage, uint32_t slot) {
    ReportFailure(error, {.stage = stage, .slot = slot});
    return false;
  }
  bool FailedLink(const Error& error) {
    return Failed(error, instar_proto_Stage_STAGE_REBASE_LINK,
                  top_->file().slot());
  }

  Image* OpenAlone();
  bool OpenNext();
  bool OpenNextAlone();
  bool ClaimNext();
  bool IsOwnVmdk() const;
  bool CheckParents();
  uint64_t ClusterBytes() const;
  uint64_t UnitBytes() const;
  bool CanPack() const;
  Result<LayerPacking*> MakePacking(const Target& target, uint32_t num_vcpus);
  bool CheckLink();
  bool Move();
  bool Link();

  Context& context_;
  const instar_proto_RebaseConfig& config_;
  HostOpener opener_;
  Image* top_ = nullptr;
  Image* next_ = nullptr;  // the new backing file; null: none
  const Layering* layering_ = nullptr;
};

// Without what is below it.
Image* Rebase::OpenAlone() {
  const Result<File*> file = opener_.OpenOutput(instar_proto_Role_ROLE_TARGET);
  if (!file.ok()) {
    Failed(file.error(), instar_proto_Stage_STAGE_CREATE, 0);
    return nullptr;
  }
  constexpr instar_proto_Stage kStage = instar_proto_Stage_STAGE_OPEN;
  const uint32_t slot = file.value()->slot();
  const Result<Image*> image =
      OpenImage(context_.arena, *file.value(), ViewOf(config_.image.format),
                ViewOf(config_.image.filename), opener_,
                OpenOptionsOf(context_, config_.image));
  if (!image.ok()) {
    Failed(image.error(), kStage, slot);
    return nullptr;
  }
  const bool is_raw = image.value()->facts().format.Equals(ByteView::Of("raw"));
  const uint32_t flags = is_raw ? kClaimRaw : kClaimFormat;
  Status claimed = Claim(*file.value(), flags);
  if (claimed.ok()) {
    // Other parts of the image are open for reading.
    claimed = ClaimImage(*image.value(), abi::kClaimRead, abi::kClaimRead);
  }
  if (!claimed.ok()) {
    Failed(claimed.error(), kStage, slot);
    return nullptr;
  }
  return image.value();
}

bool Rebase::ClaimNext() {
  uint32_t depth = 0;
  for (Image* layer = next_; layer != nullptr && depth <= kMaxChainDepth;
       layer = layer->backing(), ++depth) {
    const bool is_raw = layer->facts().format.Equals(ByteView::Of("raw"));
    const bool is_shared = config_.shares_backing || (is_raw && layer == next_);
    const uint32_t flags = is_shared
                               ? uint32_t{abi::kClaimRead}
                               : abi::kClaimRead | abi::kClaimUnshareWrite |
                                     abi::kClaimUnshareResize;
    const Status claimed = ClaimImage(*layer, flags, flags);
    if (!claimed.ok()) {
      return Failed(claimed.error(), instar_proto_Stage_STAGE_REBASE_NEXT,
                    layer->file().slot());
    }
  }
  return true;
}

// A layer that the overlay is above already is taken as it is open.
bool Rebase::OpenNext() {
  constexpr instar_proto_Stage kStage = instar_proto_Stage_STAGE_REBASE_NEXT;
  const Result<File*> file =
      opener_.OpenOutput(instar_proto_Role_ROLE_TARGET_BACKING);
  if (!file.ok()) {
    return Failed(file.error(), kStage, 0);
  }
  uint32_t depth = 0;
  for (Image* layer = top_->backing();
       layer != nullptr && depth <= kMaxChainDepth;
       layer = layer->backing(), ++depth) {
    if (layer->file().slot() == file.value()->slot()) {
      next_ = layer;
      return true;
    }
  }
  ChainFailure failure;
  const Result<Image*> image =
      OpenChain(context_.arena, *file.value(), ViewOf(config_.backing.format),
                ViewOf(config_.backing.filename), opener_,
                OpenOptionsOf(context_, config_.backing), failure);
  if (!image.ok()) {
    return Failed(image.error(), kStage, failure.file->slot());
  }
  next_ = image.value();
  return ClaimNext();
}

// In unsafe mode, where nothing but its id is wanted.
bool Rebase::OpenNextAlone() {
  constexpr instar_proto_Stage kStage = instar_proto_Stage_STAGE_REBASE_NEXT;
  const Result<File*> file =
      opener_.OpenOutput(instar_proto_Role_ROLE_TARGET_BACKING);
  if (!file.ok()) {
    return Failed(file.error(), kStage, 0);
  }
  const Result<Image*> image =
      OpenImage(context_.arena, *file.value(), ViewOf(config_.backing.format),
                ViewOf(config_.backing.filename), opener_,
                OpenOptionsOf(context_, config_.backing));
  if (!image.ok()) {
    return Failed(image.error(), kStage, file.value()->slot());
  }
  next_ = image.value();
  return true;
}

bool Rebase::IsOwnVmdk() const {
  return config_.own_formats && top_->facts().vmdk != nullptr;
}

// A vmdk image knows its parent by its content: it reads from no other.
bool Rebase::CheckParents() {
  if (next_ != nullptr && next_->facts().vmdk == nullptr) {
    return FailedLink({.fault = Fault::kRebaseVmdkParent});
  }
  const Image* old = top_->backing();
  const bool fits = old == nullptr ||
                    (old->facts().vmdk != nullptr &&
                     old->facts().vmdk->cid == top_->facts().vmdk->parent_cid);
  return fits ||
         Failed({.fault = Fault::kErrno, .error = kEinval},
                instar_proto_Stage_STAGE_REBASE_OLD, top_->file().slot());
}

uint64_t Rebase::ClusterBytes() const {
  return Min(Max(top_->facts().cluster_size, 512), LayerWork::kMaxBytes);
}

uint64_t Rebase::UnitBytes() const {
  const ImageFacts& facts = top_->facts();
  const bool is_split = facts.qcow2 != nullptr && facts.qcow2->extended_l2;
  return Max(ClusterBytes() / (is_split ? kSubclusters : 1), 512);
}

// What qemu-img knows to pack clusters, be it good for a rebase or not.
bool Rebase::CanPack() const {
  const ByteView format = top_->facts().format;
  return format.Equals(ByteView::Of("qcow2")) ||
         format.Equals(ByteView::Of("qcow")) ||
         (format.Equals(ByteView::Of("vmdk")) && !config_.own_formats);
}

// What qemu-img finds wrong with the new name only when all is stored.
bool Rebase::CheckLink() {
  const bool is_vmdk = top_->facts().vmdk != nullptr;
  layering_ = is_vmdk && !config_.own_formats
                  ? nullptr
                  : FindLayering(top_->facts().format);
  const bool names = config_.backing_file.size != 0;
  if (names && config_.backing_format.size == 0 && config_.needs_format) {
    return FailedLink({.fault = Fault::kRebaseFormatMissing});
  }
  if (layering_ == nullptr || layering_->link == nullptr) {
    return FailedLink({.fault = Fault::kErrno, .error = kEopnotsupp});
  }
  if (layering_->check == nullptr) {
    return true;
  }
  const Status checked = layering_->check(context_.arena, top_->file());
  if (is_vmdk) {
    return checked.ok() ? CheckParents() : FailedLink(checked.error());
  }
  return checked.ok() || Failed(checked.error(), instar_proto_Stage_STAGE_OPEN,
                                top_->file().slot());
}

// Null: nothing is packed.
Result<LayerPacking*> Rebase::MakePacking(const Target& target,
                                          uint32_t num_vcpus) {
  if (!config_.packs) {
    return static_cast<LayerPacking*>(nullptr);
  }
  LayerPacker* packer =
      TRY(LayerPacker::Create(context_.arena, target, num_vcpus));
  return static_cast<LayerPacking*>(packer);
}

bool Rebase::Move() {
  const uint64_t mark = context_.arena.Mark();
  ChangedTarget changed(context_.arena);
  changed.files.has_old_data = true;
  if (!OpenChangedTarget(context_, *top_, {}, changed)) {
    return false;
  }
  const uint64_t max_cluster_bytes = Max(
      MaxClusterBytes(*top_), next_ == nullptr ? 512 : MaxClusterBytes(*next_));
  const uint32_t num_vcpus = config_.num_workers == 0 ? 1 : config_.num_workers;
  Unpacking unpacking(context_.arena, max_cluster_bytes, num_vcpus);
  LongCluster long_cluster(context_.arena, unpacking, max_cluster_bytes);
  const Result<LayerPacking*> packing = MakePacking(*changed.target, num_vcpus);
  if (!packing.ok()) {
    return Failed(packing.error(), instar_proto_Stage_STAGE_REBASE_WRITE,
                  top_->file().slot());
  }
  RebasePlan plan(*top_, next_,
                  {.unit = UnitBytes(),
                   .whole_units = config_.whole_units,
                   .cluster = ClusterBytes()});
  const Result<LayerMove*> move = LayerMove::Create(
      context_, plan, *changed.target, unpacking, long_cluster,
      {.sides = {top_->backing(), next_},
       .unit = config_.whole_units ? UnitBytes() : kSectorBytes,
       .zero_unit = UnitBytes(),
       .total_bytes = top_->virtual_size(),
       .packing = packing.value(),
       .plan_stage = instar_proto_Stage_STAGE_REBASE_STATUS,
       .read_stages = {instar_proto_Stage_STAGE_REBASE_OLD,
                       instar_proto_Stage_STAGE_REBASE_NEW},
       .write_stage = instar_proto_Stage_STAGE_REBASE_WRITE});
  if (!move.ok()) {
    return Failed(move.error(), instar_proto_Stage_STAGE_REBASE_WRITE,
                  top_->file().slot());
  }
  const bool flushes = top_->facts().qcow2 != nullptr;
  WriteBefore(changed.files, flushes, move.value());
  const bool moved = move.value()->Run() && FinishChangedTarget(changed);
  WriteBefore(changed.files, flushes, nullptr);
  context_.arena.Rewind(mark);
  return moved;
}

bool Rebase::Link() {
  BackingLink link = {.name = ViewOf(config_.backing_file),
                      .format = ViewOf(config_.backing_format)};
  if (next_ != nullptr && next_->facts().vmdk != nullptr) {
    link.parent_id = next_->facts().vmdk->cid;
  }
  const Status linked = layering_->link(context_.arena, top_->file(), link);
  return linked.ok() || FailedLink(linked.error());
}

bool Rebase::Run() {
  top_ = config_.is_unsafe ? OpenAlone() : OpenChanged(context_, config_.image);
  if (top_ == nullptr) {
    return false;
  }
  ReportImage(*top_);
  if (config_.packs && !CanPack()) {
    return Failed({.fault = Fault::kRebaseNoPacking},
                  instar_proto_Stage_STAGE_REBASE_NEXT, 0);
  }
  if (config_.has_wrong_format) {
    return Failed({.fault = Fault::kRebaseFormatUnknown},
                  instar_proto_Stage_STAGE_REBASE_NEXT, 0);
  }
  const bool names = config_.backing_file.size != 0;
  const bool opens_next = names && !config_.is_unsafe;
  const bool looks_at_next = names && config_.is_unsafe && IsOwnVmdk();
  if ((opens_next && !OpenNext()) || (looks_at_next && !OpenNextAlone())) {
    return false;
  }
  return CheckLink() && (config_.is_unsafe || Move()) && Link();
}

}  // namespace

bool RunOperation(Context& context) {
  return Rebase(context).Run();
}

}  // namespace instar::guest
