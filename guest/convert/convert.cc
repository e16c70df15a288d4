#include "guest/convert/convert.h"

#include "guest/convert/pipeline.h"
#include "guest/rt/chain.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "guest/rt/pending_writes.h"
#include "guest/rt/recorded_bitmaps.h"
#include "guest/rt/slot_file.h"
#include "guest/rt/unpacking.h"
#include "lib/base/checked.h"
#include "lib/convert/planner.h"
#include "lib/format/chain.h"
#include "lib/format/writers.h"

namespace instar::guest {
namespace {

constexpr uint32_t kMaxSources = 16;

struct Sources {
  Image* images[kMaxSources] = {};
  uint32_t count = 0;
  uint64_t max_cluster_bytes = 512;
  uint64_t total_bytes = 0;  // whole sectors; of dd: the part's bytes
  uint64_t part_offset = 0;  // of dd, in the source
};

constexpr uint32_t kClaimFormatTarget =
    abi::kClaimRead | abi::kClaimWrite | abi::kClaimResize |
    abi::kClaimUnshareWrite | abi::kClaimUnshareResize;
constexpr uint32_t kClaimRawTarget = abi::kClaimRead | abi::kClaimWrite;

bool OpenSources(Context& context, Sources& sources) {
  const instar_proto_ConvertConfig& config = context.config->operation.convert;
  INSTAR_CHECK(config.sources_count <= kMaxSources);
  const Sharing sharing =
      config.has_dd ? Sharing::kFormatsOnly : Sharing::kNothing;
  for (uint32_t i = 0; i < config.sources_count; ++i) {
    Image* image = OpenSource(context, config.sources[i], sharing);
    if (image == nullptr) {
      return false;
    }
    if (config.has_snapshot && !ChooseSnapshot(*image, config.snapshot)) {
      return false;
    }
    sources.images[sources.count++] = image;
    sources.total_bytes += DivRoundUp(image->virtual_size(), 512) * 512;
    sources.max_cluster_bytes =
        Max(sources.max_cluster_bytes, MaxClusterBytes(*image));
  }
  return true;
}

// dd: keeps only the part of its source that there is. The host learns how
// large the source is.
void ChoosePart(const instar_proto_DdPart& part, Sources& sources) {
  const uint64_t all = sources.total_bytes;
  ReportPlan(all, {});
  sources.part_offset = Min(part.offset, all);
  sources.total_bytes = Min(part.length, all - sources.part_offset);
}

struct Output {
  explicit Output(Arena& arena) : opener(arena) { files.opener = &opener; }

  HostOpener opener;
  TargetFiles files;
  Target* target = nullptr;
  Image* existing = nullptr;  // the target's image, where it was there before
  Image* backing = nullptr;   // below the target
  RecordedBitmaps bitmaps;
};

bool FailedCreating(const Error& error, uint32_t slot) {
  ReportFailure(error,
                {.stage = instar_proto_Stage_STAGE_CREATE, .slot = slot});
  return false;
}

bool FailedOpening(const Error& error, const File& file) {
  ReportFailure(error, {.slot = file.slot()});
  return false;
}

// Makes or finds the target's files.
bool PrepareFiles(Context& context, const Writer& writer, uint64_t total_bytes,
                  Output& output) {
  const instar_proto_ConvertConfig& config = context.config->operation.convert;
  output.files.random = ViewOf(config.target.random);
  if (config.create) {
    CreateOptions options = CreateOptionsOf(config.target);
    if (!config.has_dd || options.size == 0) {
      options.size = total_bytes;
    }
    return CreateOutput(context, writer, options, output.opener, output.files);
  }
  const Result<File*> file =
      output.opener.OpenOutput(instar_proto_Role_ROLE_TARGET);
  if (!file.ok()) {
    return FailedCreating(file.error(), 0);
  }
  output.files.file = file.value();
  return true;
}

// The data file of a target that exists. The host has looked up its name before
// any source was read.
bool OpenDataFile(Output& output) {
  const Result<File*> data =
      output.opener.OpenOutput(instar_proto_Role_ROLE_TARGET_DATA);
  if (!data.ok()) {
    return FailedOpening(data.error(), *output.files.file);
  }
  output.files.data_file = data.value();
  const Status claimed = Claim(*data.value(), kClaimFormatTarget);
  return claimed.ok() || FailedOpening(claimed.error(), *data.value());
}

// An image below the target is read when a cluster is written in part.
bool OpenBelowTarget(Context& context, ByteView format, Output& output) {
  const instar_proto_ConvertConfig& config = context.config->operation.convert;
  if (config.create && config.target.backing_file.size == 0) {
    return true;
  }
  File& file = *output.files.file;
  const Result<Image*> image =
      OpenImage(context.arena, file, format, {}, output.opener,
                {.open_data_file = false});
  if (!image.ok()) {
    return FailedOpening(image.error(), file);
  }
  output.existing = config.create ? nullptr : image.value();
  const ImageFacts& facts = image.value()->facts();
  if (facts.qcow2 != nullptr && facts.qcow2->has_data_file &&
      output.files.data_file == nullptr && !OpenDataFile(output)) {
    return false;
  }
  if (!facts.has_backing_file) {
    return true;
  }
  const Result<File*> below = output.opener.Open(
      file, ReferenceRole::kBacking, facts.backing_file, facts.backing_format);
  if (!below.ok()) {
    return FailedOpening(below.error(), file);
  }
  output.backing = OpenClaimed(context, *below.value(), facts.backing_format,
                               facts.backing_file, OpenOptionsOf(context),
                               Sharing::kNothing);
  return output.backing != nullptr;
}

// Where the first byte goes.
uint64_t TargetOffset(const instar_proto_ConvertConfig& config) {
  return config.target_offset + config.dd.target_offset;
}

bool OpenTarget(Context& context, uint64_t total_bytes, Output& output) {
  const instar_proto_ConvertConfig& config = context.config->operation.convert;
  const ByteView format = ViewOf(config.target.format);
  const Writer* writer = FindWriter(format);
  if (writer == nullptr) {
    return FailedCreating({.fault = Fault::kNoCreateSupport}, 0);
  }
  if (!PrepareFiles(context, *writer, total_bytes, output) ||
      !OpenBelowTarget(context, format, output)) {
    return false;
  }
  File& file = *output.files.file;
  const bool raw = format.Equals(ByteView::Of("raw"));
  const Status claimed =
      Claim(file, raw ? kClaimRawTarget : kClaimFormatTarget);
  if (!claimed.ok()) {
    return FailedOpening(claimed.error(), file);
  }
  output.files.has_old_data = !config.create;
  const Result<Target*> target = output.bitmaps.Open(
      context, *writer, output.existing, output.files, output.backing);
  if (!target.ok()) {
    return FailedOpening(target.error(), file);
  }
  output.target = target.value();
  const uint64_t end = config.has_target_bytes
                           ? config.target_offset + config.target_bytes
                           : output.target->virtual_size();
  if (end < TargetOffset(config) + total_bytes) {
    return FailedCreating({.fault = Fault::kTargetTooSmall}, file.slot());
  }
  return true;
}

// Whether bytes that were never written read as zeroes: in a format that
// records what is allocated, or in a file that was empty a moment ago.
bool ReadsZero(const instar_proto_ConvertConfig& config, const Output& output) {
  if (config.target_is_zero) {
    return true;
  }
  if (!config.create || config.target_has_backing ||
      config.sparse_sectors == 0) {
    return false;
  }
  const File* data = output.files.data_file != nullptr ? output.files.data_file
                                                       : output.files.file;
  const bool records_allocation =
      output.target->cluster_size() != 0 &&
      config.target.preallocation ==
          instar_proto_Preallocation_PREALLOCATION_OFF &&
      !config.target.qcow2.data_file_raw;
  return records_allocation || static_cast<const SlotFile*>(data)->reads_zero();
}

// Buffers of dd hold whole blocks, where they are not too long for that.
uint64_t BufferSectors(uint64_t block_bytes, uint64_t usual) {
  constexpr uint64_t kMaxBuffer = (4 << 20) / 512;
  if (block_bytes == 0 || block_bytes % 512 != 0) {
    return usual;
  }
  const uint64_t block = Min(block_bytes / 512, kMaxBuffer);
  return block >= usual ? block : usual / block * block;
}

// -c: what packs. Null after a report.
Packing* PreparePacking(Context& context, const Output& output,
                        MakePacking make_packing, uint32_t num_vcpus) {
  const File& file = *output.files.file;
  if (make_packing == nullptr) {
    FailedOpening({.fault = Fault::kUnsupported}, file);
    return nullptr;
  }
  const Result<PackRules> rules = output.target->Packing();
  if (!rules.ok()) {
    ReportFailure(rules.error(), {.stage = instar_proto_Stage_STAGE_WRITE,
                                  .slot = file.slot()});
    return nullptr;
  }
  const Result<Packing*> packing = make_packing(
      context.arena, rules.value(), output.target->cluster_size(),
      context.config->operation.convert.sparse_sectors == 0, num_vcpus);
  if (!packing.ok()) {
    FailedOpening(packing.error(), file);
    return nullptr;
  }
  return packing.value();
}

// How much of the sources is data, as far as they can say; the run itself
// reports what they cannot.
uint64_t DataBytes(convert::Planner planner) {
  uint64_t bytes = 0;
  while (!planner.AtEnd()) {
    const Result<convert::Chunk> chunk = planner.Next();
    if (!chunk.ok()) {
      break;
    }
    if (planner.CountsAsData(chunk.value())) {
      bytes += chunk.value().length;
    }
  }
  return bytes;
}

// Metadata of an image that was there before does not refer to data that is
// not.
bool RunInOrder(Pipeline& pipeline, const Output& output) {
  if (output.existing == nullptr) {
    return pipeline.Run();
  }
  const bool flushes = output.existing->facts().qcow2 != nullptr;
  WriteBefore(output.files, flushes, &pipeline);
  const bool moved = pipeline.Run();
  WriteBefore(output.files, flushes, nullptr);
  return moved;
}

bool Move(Context& context, Sources& sources, Output& output,
          MakePacking make_packing) {
  const instar_proto_ConvertConfig& config = context.config->operation.convert;
  convert::PlanOptions plan = {
      .target_has_backing = config.target_has_backing,
      .zeroes_are_data = config.sparse_sectors == 0,
  };
  if (config.target_has_backing && output.backing != nullptr) {
    plan.target_backing_sectors =
        static_cast<int64_t>(DivRoundUp(output.backing->virtual_size(), 512));
  }
  if (config.has_dd) {
    plan.has_part = true;
    plan.part_offset = sources.part_offset;
    plan.part_length = sources.total_bytes;
    plan.buffer_sectors =
        BufferSectors(config.dd.block_bytes, plan.buffer_sectors);
  }
  const uint32_t num_vcpus = config.num_workers == 0 ? 1 : config.num_workers;
  Packing* packing = nullptr;
  if (config.compress) {
    packing = PreparePacking(context, output, make_packing, num_vcpus);
    if (packing == nullptr) {
      return false;
    }
    plan.cluster_sectors = packing->cluster_bytes() / 512;
  }
  convert::Planner planner(
      std::span<Image* const>(sources.images, sources.count), plan);
  Unpacking unpacking(context.arena, sources.max_cluster_bytes, num_vcpus);
  LongCluster long_cluster(context.arena, unpacking, sources.max_cluster_bytes);
  const Result<Pipeline*> pipeline = Pipeline::Create(
      context, planner, *output.target, unpacking, long_cluster,
      {.split =
           convert::RuleFor(config.sparse_sectors, config.zero_run_tail_splits),
       .target_reads_zero = ReadsZero(config, output),
       .progress_bytes =
           config.progress ? DataBytes(planner) : planner.total_bytes(),
       .progress_is_data = config.progress,
       .packing = packing,
       .salvage = config.salvage,
       .target_offset = TargetOffset(config),
       .request_bytes = config.dd.block_bytes});
  if (!pipeline.ok()) {
    return FailedOpening(pipeline.error(), *output.files.file);
  }
  return RunInOrder(*pipeline.value(), output);
}

bool Finish(Output& output) {
  auto& file = static_cast<SlotFile&>(*output.files.file);
  Status status = output.target->Finish();
  if (status.ok() && output.files.data_file != nullptr) {
    status = output.files.data_file->Flush();
  }
  if (status.ok()) {
    status = file.Release();
  }
  if (status.ok()) {
    status = file.Flush();
  }
  if (status.ok()) {
    status = output.bitmaps.End();
  }
  if (!status.ok()) {
    ReportFailure(status.error(), {.stage = instar_proto_Stage_STAGE_FINISH,
                                   .slot = file.slot()});
  }
  return status.ok();
}

}  // namespace

bool Convert(Context& context, MakePacking make_packing) {
  Sources sources;
  Output output(context.arena);
  if (!OpenSources(context, sources)) {
    return false;
  }
  const instar_proto_ConvertConfig& config = context.config->operation.convert;
  if (config.only_sources) {
    return true;
  }
  if (config.has_dd) {
    ChoosePart(config.dd, sources);
  }
  return OpenTarget(context, sources.total_bytes, output) &&
         Move(context, sources, output, make_packing) && Finish(output);
}

}  // namespace instar::guest
