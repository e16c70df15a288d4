// The steps of `amend`, in qemu-img's order: version 3 first, version 2 last.
#include "lib/format/amend.h"

#include <bit>

#include "lib/base/checked.h"
#include "lib/format/qcow2/layout.h"
#include "lib/format/qcow2/metadata.h"
#include "lib/format/qcow2/refcount_width.h"
#include "lib/format/qcow2/snapshot_list.h"
#include "lib/format/qcow2/zero_expansion.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kTableBytes = 64 << 20;
// Blocks of L1 and snapshot tables that are kept.
constexpr uint64_t kCachedBlocks = 4;

Error Unsupported(ByteView what) {
  return {.fault = Fault::kUnsupported,
          .text = what.data(),
          .text_bytes = static_cast<uint32_t>(what.size())};
}

class Amendment {
 public:
  Amendment(Arena& arena, File& file, const AmendRequest& request,
            AmendProgress& progress)
      : image_(arena, file), request_(request), progress_(&progress) {}

  Status Run() { return image_.Judged(TakeSteps()); }

 private:
  Status TakeSteps() {
    TRY(image_.Open(kCachedBlocks));
    TRY(ReadRequest());
    TRY(image_.BeginChanges(kTableBytes));
    if (image_.header.autoclear != KeptAutoclear(image_.header)) {
      image_.header.autoclear = KeptAutoclear(image_.header);
      TRY(image_.WriteHeader());
    }
    if (version_ > image_.header.version) {
      TRY(Upgrade());
    }
    TRY(ChangeRefcounts());
    TRY(ChangeDataFile());
    TRY(ChangeBacking());
    TRY(ChangeLazy());
    const bool is_last_step =
        version_ < image_.header.version && !request_.size_follows;
    return is_last_step ? Downgrade() : Status();
  }

  // What is wrong with the request by itself, in the order of the options.
  Status ReadRequest();
  Status ReadCompat(ByteView level);
  Status Upgrade();
  Status ChangeRefcounts();
  Status ChangeDataFile();
  Status ChangeBacking();
  Status ChangeLazy();
  Status Downgrade();
  Status CheckDowngrade();
  Status CheckSnapshots();

  Metadata image_;
  const AmendRequest& request_;
  AmendProgress* progress_;
  uint32_t version_ = 0;
  uint64_t refcount_order_ = 0;
};

Status Amendment::ReadCompat(ByteView level) {
  if (level.Equals(ByteView::Of("0.10")) || level.Equals(ByteView::Of("v2"))) {
    version_ = 2;
    return {};
  }
  if (level.Equals(ByteView::Of("1.1")) || level.Equals(ByteView::Of("v3"))) {
    version_ = 3;
    return {};
  }
  return Error{.fault = Fault::kAmendCompat,
               .text = level.data(),
               .text_bytes = static_cast<uint32_t>(level.size())};
}

Status Amendment::ReadRequest() {
  const Header& header = image_.header;
  version_ = header.version;
  refcount_order_ = header.refcount_order;
  if (request_.encryption) {
    return header.crypt_method == kCryptNone
               ? Error{.fault = Fault::kAmendNoEncryption}
               : Unsupported(ByteView::Of("Encryption"));
  }
  if (request_.compat) {
    TRY(ReadCompat(*request_.compat));
  }
  if (request_.data_file && !header.has_data_file()) {
    return Error{.fault = Fault::kAmendDataFile};
  }
  if (request_.data_file_raw.value_or(false) &&
      (header.autoclear & kAutoclearRawDataFile) == 0) {
    return Error{.fault = Fault::kAmendDataFileRaw};
  }
  if (request_.refcount_bits) {
    const uint64_t bits = *request_.refcount_bits;
    if (!IsPowerOfTwo(bits) || bits > uint64_t{1} << kMaxRefcountOrder) {
      return Error{.fault = Fault::kQcow2CreateRefcountBits, .value = bits};
    }
    refcount_order_ = static_cast<uint64_t>(std::countr_zero(bits));
  }
  return {};
}

Status Amendment::Upgrade() {
  image_.header.version = 3;
  return image_.WriteHeader();
}

Status Amendment::ChangeRefcounts() {
  if (refcount_order_ == image_.header.refcount_order) {
    return {};
  }
  if (version_ < 3 && refcount_order_ != kDefaultRefcountOrder) {
    return Error{.fault = Fault::kAmendRefcountVersion};
  }
  return RefcountWidth(image_, refcount_order_, *progress_).Change();
}

Status Amendment::ChangeDataFile() {
  Header& header = image_.header;
  const uint64_t raw = kAutoclearRawDataFile;
  const bool ends_raw = request_.data_file_raw.has_value() &&
                        !*request_.data_file_raw &&
                        (header.autoclear & raw) != 0;
  if (!request_.data_file && !ends_raw) {
    return {};
  }
  if (ends_raw) {
    header.autoclear &= ~raw;
  }
  if (request_.data_file) {
    image_.extensions.data_file_name = *request_.data_file;
  }
  return image_.WriteHeader();
}

Status Amendment::ChangeBacking() {
  if (!request_.backing_file && !request_.backing_format) {
    return {};
  }
  const ByteView file = request_.backing_file.value_or(ByteView());
  const ByteView format = request_.backing_format.value_or(ByteView());
  const ByteView old_format = image_.extensions.backing_format;
  const bool is_same =
      request_.backing_file.has_value() == !image_.backing_file.empty() &&
      file.Equals(image_.backing_file) &&
      request_.backing_format.has_value() == !old_format.empty() &&
      format.Equals(old_format);
  if (is_same) {
    return {};
  }
  if (!request_.may_change_backing) {
    return Error{.fault = Fault::kAmendBacking};
  }
  image_.backing_file = request_.backing_file.value_or(image_.backing_file);
  image_.extensions.backing_format =
      request_.backing_format.value_or(old_format);
  return image_.WriteHeader();
}

Status Amendment::ChangeLazy() {
  Header& header = image_.header;
  const bool is_lazy = (header.compatible & kCompatibleLazyRefcounts) != 0;
  const bool wanted = request_.lazy_refcounts.value_or(is_lazy);
  if (wanted == is_lazy) {
    return {};
  }
  if (wanted && version_ < 3) {
    return Error{.fault = Fault::kAmendLazyVersion};
  }
  header.compatible ^= kCompatibleLazyRefcounts;
  return image_.WriteHeader();
}

// ---- Version 2 --------------------------------------------------------------

// Version 2 records a size of the VM's state of 32 bits and no disk's.
Status Amendment::CheckSnapshots() {
  constexpr uint64_t kMaxState = ~uint32_t{0};
  SnapshotList list(image_);
  SnapshotRecord record;
  bool more = TRY(list.Next(nullptr, record));
  while (more) {
    if (record.vm_state_size > kMaxState ||
        record.disk_size != image_.header.virtual_size()) {
      return Error{.fault = Fault::kAmendOldSnapshots};
    }
    const SnapshotRecord last = record;
    more = TRY(list.Next(&last, record));
  }
  return {};
}

Status Amendment::CheckDowngrade() {
  Header& header = image_.header;
  if (header.refcount_order != kDefaultRefcountOrder) {
    return Error{.fault = Fault::kAmendOldRefcountBits};
  }
  if (header.has_data_file()) {
    return Error{.fault = Fault::kAmendOldDataFile};
  }
  TRY(CheckSnapshots());
  uint64_t features = header.incompatible;
  if (header.compression_type != 0 && request_.may_drop_zstd) {
    if (TRY(ZeroExpansion(image_, *progress_).HasCompressed())) {
      return Error{.fault = Fault::kAmendOldCompression};
    }
    features &= ~uint64_t{kIncompatibleCompression};
  }
  if (features != 0) {
    return Error{.fault = Fault::kAmendOldFeatures, .value = features};
  }
  return {};
}

Status Amendment::Downgrade() {
  Header& header = image_.header;
  TRY(CheckDowngrade());
  TRY(ZeroExpansion(image_, *progress_).Expand());
  header.incompatible = 0;
  header.compatible = 0;
  header.autoclear = 0;
  header.compression_type = 0;
  header.version = 2;
  return image_.WriteHeader();
}

}  // namespace
}  // namespace instar::qcow2

namespace instar {

Status AmendQcow2(Arena& arena, File& file, const AmendRequest& request,
                  AmendProgress& progress) {
  auto* amendment =
      TRY(arena.New<qcow2::Amendment>(arena, file, request, progress));
  return amendment->Run();
}

}  // namespace instar
