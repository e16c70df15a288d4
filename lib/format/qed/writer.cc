// Writing QED images: clusters are taken from the end of the file, and a new
// L2 table lies behind the first clusters that it maps.
#include "lib/base/checked.h"
#include "lib/format/entry_cache.h"
#include "lib/format/layer_copy.h"
#include "lib/format/limits.h"
#include "lib/format/qed/header.h"
#include "lib/format/target.h"

namespace instar::qed {
namespace {

constexpr uint8_t kName[] = {'q', 'e', 'd'};
constexpr uint64_t kSectorBytes = 512;

constexpr uint64_t kDefaultClusterBytes = 64 << 10;
constexpr uint64_t kDefaultTableClusters = 4;

constexpr uint64_t kL1Pages = 16;
constexpr uint64_t kL2Pages = 256;

constexpr Error kInvalid = {.fault = Fault::kErrno, .error = 22};  // EINVAL

// ---- Creation ---------------------------------------------------------------

Status Validate(const CreateOptions& /*options*/) {
  return {};  // qemu-img has made the file when it looks at them
}

Status CheckOptions(uint64_t cluster, uint64_t table, uint64_t size) {
  if (!IsPowerOfTwo(cluster) || cluster < kMinClusterSize ||
      cluster > kMaxClusterSize) {
    return Error{.fault = Fault::kQedCreateClusterSize, .value = cluster};
  }
  if (!IsPowerOfTwo(table) || table > kMaxTableClusters) {
    return Error{.fault = Fault::kQedCreateTableSize, .value = table};
  }
  const uint64_t entries = cluster * table / kEntryBytes;
  const uint64_t largest = cluster * entries * entries;
  if (size > largest) {
    return Error{.fault = Fault::kQedCreateSize, .value = largest};
  }
  return {};
}

Status Create(Arena& arena, const TargetFiles& files,
              const CreateOptions& options) {
  using L = HeaderLayout;
  const ClusterCreateOptions& wanted = options.cluster;
  const uint64_t cluster =
      wanted.cluster_size == 0 ? kDefaultClusterBytes : wanted.cluster_size;
  const uint64_t table =
      wanted.table_size == 0 ? kDefaultTableClusters : wanted.table_size;
  const uint64_t size = TRY(CheckedAlignUp(options.size, kSectorBytes));
  TRY(CheckOptions(cluster, table, size));
  const ByteView name = options.backing_file;
  const MutableBytes head = TRY(arena.AllocateZeroed(L::kSize + name.size()));
  TRY(head.Put<Le32>(L::kMagic.offset, kMagic));
  TRY(head.Put<Le32>(L::kClusterSize.offset, static_cast<uint32_t>(cluster)));
  TRY(head.Put<Le32>(L::kTableSize.offset, static_cast<uint32_t>(table)));
  TRY(head.Put<Le32>(L::kHeaderSize.offset, 1));
  TRY(head.Put<Le64>(L::kL1TableOffset.offset, cluster));
  TRY(head.Put<Le64>(L::kImageSize.offset, size));
  if (!name.empty()) {
    const bool is_raw = options.backing_format.Equals(ByteView::Of("raw"));
    uint64_t features = kBackingFile;
    if (is_raw) {
      features |= kBackingFormatNoProbe;
    }
    TRY(head.Put<Le64>(L::kFeatures.offset, features));
    TRY(head.Put<Le32>(L::kBackingFileOffset.offset, L::kSize));
    TRY(head.Put<Le32>(L::kBackingFileSize.offset,
                       static_cast<uint32_t>(name.size())));
    TRY(head.PutBytes(L::kSize, name));
  }
  TRY(files.file->WriteAt(0, head.view()));
  // A name that does not fit is cut by the table; then the image does not open.
  return files.file->WriteZeroes(cluster, cluster * table, false);
}

// ---- Writing ----------------------------------------------------------------

class QedTarget final : public Target {
 public:
  QedTarget(LayerCopy copy, File& file, Image* backing, const Header& header)
      : Target(header.image_size, header.cluster_size),
        copy_(copy),
        file_(&file),
        backing_(backing),
        header_(header),
        old_size_(file.size()) {}
  QedTarget(const QedTarget&) = delete;
  QedTarget& operator=(const QedTarget&) = delete;

  // Called once, before anything else.
  Status Open(Arena& arena);
  // Each step refers to nothing that is not durable.
  void WriteInOrder() {
    l1_.WriteInOrder();
    l2_.WriteInOrder();
  }

  Result<WriteExtent> Allocate(uint64_t offset, uint64_t length) override;
  Status WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) override;
  Status Finish() override;

 private:
  // Clusters of one kind, one behind the other, in one L2 table.
  struct Run {
    uint64_t l1_entry = 0;  // offset of the table's entry in the file
    uint64_t table = 0;     // 0: there is none
    uint64_t index = 0;     // of the first cluster
    uint64_t clusters = 0;
    uint64_t entry = kUnallocated;  // the first one
  };

  uint64_t End() const { return header_.file_end; }
  Result<Run> Find(uint64_t offset, uint64_t length);
  uint64_t TakeEnd(uint64_t clusters);
  // Enters the run's clusters, the first as `entry`.
  Status Link(Run& run, uint64_t entry);
  Status FillRest(const Run& run, uint64_t host, uint64_t offset,
                  uint64_t length);
  Status ZeroData(uint64_t offset, uint64_t length);
  Status MarkZero(uint64_t offset, uint64_t length);
  Status SetFeatures(uint64_t features);

  LayerCopy copy_;
  File* file_;
  Image* backing_;
  Header header_;  // file_end grows with what is taken
  EntryCache l1_;
  EntryCache l2_;
  uint64_t old_size_;  // of the file
};

Status QedTarget::Open(Arena& arena) {
  TRY(l1_.Init(arena, *file_, EntryCache::kMaxPageBytes, kL1Pages));
  return l2_.Init(arena, *file_, EntryCache::kMaxPageBytes, kL2Pages);
}

Status QedTarget::SetFeatures(uint64_t features) {
  uint8_t field[8];
  const MutableBytes bytes(field, sizeof field);
  TRY(bytes.Put<Le64>(0, features));
  header_.features = features;
  return file_->WriteAt(HeaderLayout::kFeatures.offset, bytes.view());
}

uint64_t QedTarget::TakeEnd(uint64_t clusters) {
  const uint64_t start = header_.file_end;
  header_.file_end += clusters * cluster_size_;
  return start;
}

Result<QedTarget::Run> QedTarget::Find(uint64_t offset, uint64_t length) {
  const uint64_t entries = header_.table_entries();
  const uint64_t coverage = entries * cluster_size_;
  const uint64_t in_cluster = offset % cluster_size_;
  Run run = {
      .l1_entry = header_.l1_offset + offset / coverage * kEntryBytes,
      .index = offset % coverage / cluster_size_,
      .clusters = DivRoundUp(in_cluster + length, cluster_size_),
  };
  run.clusters = Min(run.clusters, entries - run.index);
  run.table = TRY(l1_.Get<Le64>(run.l1_entry));
  if (run.table == kUnallocated) {
    return run;
  }
  if (!header_.IsTableOffset(run.table)) {
    return kInvalid;
  }
  const uint64_t first = run.table + run.index * kEntryBytes;
  run.entry = TRY(l2_.Get<Le64>(first));
  const bool is_offset = run.entry > kZeroCluster;
  if (is_offset && !header_.IsClusterOffset(run.entry)) {
    return kInvalid;
  }
  for (uint64_t i = 1; i < run.clusters; ++i) {
    const uint64_t next = TRY(l2_.Get<Le64>(first + i * kEntryBytes));
    if (next != run.entry + (is_offset ? i * cluster_size_ : 0)) {
      run.clusters = i;
    }
  }
  return run;
}

Status QedTarget::Link(Run& run, uint64_t entry) {
  // As long as a table may be behind its clusters, or the other way round, the
  // image needs a check; with a backing file qemu-img keeps another order.
  if (backing_ == nullptr && (header_.features & kNeedCheck) == 0) {
    TRY(SetFeatures(header_.features | kNeedCheck));
  }
  if (run.table == kUnallocated) {
    run.table = TakeEnd(header_.table_clusters);
    TRY(file_->Reserve(run.table, header_.table_clusters * cluster_size_));
    TRY(l1_.Put<Le64>(run.l1_entry, run.table));
  }
  for (uint64_t i = 0; i < run.clusters; ++i) {
    const uint64_t value =
        entry + (entry > kZeroCluster ? i * cluster_size_ : 0);
    TRY(l2_.Put<Le64>(run.table + (run.index + i) * kEntryBytes, value));
  }
  return {};
}

// What of the run's new clusters the write at `offset` leaves out.
Status QedTarget::FillRest(const Run& run, uint64_t host, uint64_t offset,
                           uint64_t length) {
  const uint64_t bytes = run.clusters * cluster_size_;
  const uint64_t head = offset % cluster_size_;
  const uint64_t tail = bytes - head - length;
  if (head + tail == 0) {
    return {};
  }
  const bool is_zero = host >= old_size_;
  if (is_zero) {
    TRY(file_->Reserve(host, bytes));
  }
  // Clusters that read as zeroes hide what is below them.
  Image* below = run.entry == kZeroCluster ? nullptr : backing_;
  TRY(copy_.CopyRange(below, offset - head, head, *file_, host, is_zero));
  return copy_.CopyRange(below, offset + length, tail, *file_,
                         host + head + length, is_zero);
}

Result<WriteExtent> QedTarget::Allocate(uint64_t offset, uint64_t length) {
  Run run = TRY(Find(offset, length));
  const uint64_t in_cluster = offset % cluster_size_;
  const uint64_t step = Min(length, run.clusters * cluster_size_ - in_cluster);
  uint64_t host = run.entry;
  if (host <= kZeroCluster) {
    host = TakeEnd(run.clusters);
    TRY(FillRest(run, host, offset, step));
    TRY(Link(run, host));
  }
  return WriteExtent{
      .length = step, .file = file_, .host_offset = host + in_cluster};
}

Status QedTarget::ZeroData(uint64_t offset, uint64_t length) {
  uint64_t done = 0;
  while (done < length) {
    const WriteExtent extent = TRY(Allocate(offset + done, length - done));
    TRY(file_->WriteZeroes(extent.host_offset, extent.length, false));
    done += extent.length;
  }
  return {};
}

// Of whole clusters.
Status QedTarget::MarkZero(uint64_t offset, uint64_t length) {
  uint64_t done = 0;
  while (done < length) {
    Run run = TRY(Find(offset + done, length - done));
    const uint64_t bytes = run.clusters * cluster_size_;
    if (run.entry > kZeroCluster) {
      TRY(file_->WriteZeroes(run.entry, bytes, false));
    } else if (run.entry == kUnallocated) {
      TRY(Link(run, kZeroCluster));
    }
    done += bytes;
  }
  return {};
}

Status QedTarget::WriteZeroes(uint64_t offset, uint64_t length,
                              bool /*may_unmap*/) {
  const uint64_t misfit = offset % cluster_size_;
  const uint64_t head = misfit == 0 ? 0 : Min(length, cluster_size_ - misfit);
  const uint64_t whole = AlignDown(length - head, cluster_size_);
  TRY(ZeroData(offset, head));
  TRY(MarkZero(offset + head, whole));
  return ZeroData(offset + head + whole, length - head - whole);
}

Status QedTarget::Finish() {
  TRY(l2_.Flush());
  TRY(l1_.Flush());
  if (file_->size() < End()) {
    TRY(file_->Truncate(End(), FilePreallocation::kSparse));
  }
  if ((header_.features & kNeedCheck) == 0) {
    return {};
  }
  return SetFeatures(header_.features & ~uint64_t{kNeedCheck});
}

// Whoever writes must take back the promises of features that he does not know.
Status ClearUnknownPromises(BlockCache& cache, File& file) {
  const uint64_t at = HeaderLayout::kAutoclearFeatures.offset;
  const uint64_t promises = TRY(cache.At<Le64>(at));
  if (promises == 0) {
    return {};
  }
  uint8_t zeroes[8] = {};
  return file.WriteAt(at, ByteView(zeroes, sizeof zeroes));
}

Result<Target*> Open(Arena& arena, const TargetFiles& files, Image* backing,
                     codec::MakeUnpacker make_unpacker) {
  File& file = *files.file;
  BlockCache cache = TRY(BlockCache::Create(arena, file, 1));
  const Header header = TRY(ReadHeader(cache, file));
  if ((header.features & kNeedCheck) != 0) {
    return Error{.fault = Fault::kNeedsRepair};
  }
  TRY(ClearUnknownPromises(cache, file));
  QedTarget* target = TRY(arena.New<QedTarget>(LayerCopy(arena, make_unpacker),
                                               file, backing, header));
  TRY(target->Open(arena));
  if (files.has_old_data) {
    target->WriteInOrder();
  }
  return static_cast<Target*>(target);
}

}  // namespace

extern const Writer kWriter;
constinit const Writer kWriter = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = &MagicAtStart,
                                  .validate = &Validate,
                                  .create = &Create,
                                  .open = &Open};

// The same without the making of images.
extern const Writer kEditor;
constinit const Writer kEditor = {.name = ByteView{kName, sizeof kName},
                                  .magic_offset = nullptr,
                                  .validate = nullptr,
                                  .create = nullptr,
                                  .open = &Open};

}  // namespace instar::qed
