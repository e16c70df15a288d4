#include "guest/rt/output.h"

namespace instar::guest {
namespace {

Qcow2CreateOptions Qcow2OptionsOf(const instar_proto_Qcow2Options& in) {
  Qcow2CreateOptions out;
  if (in.has_version) {
    out.version = in.version;
  }
  if (in.has_cluster_size) {
    out.cluster_size = in.cluster_size;
  }
  if (in.has_refcount_bits) {
    out.refcount_bits = in.refcount_bits;
  }
  out.lazy_refcounts = in.has_lazy_refcounts && in.lazy_refcounts;
  out.extended_l2 = in.has_extended_l2 && in.extended_l2;
  if (in.has_compression) {
    out.compression = static_cast<Compression>(in.compression);
  }
  out.data_file = ViewOf(in.data_file);
  out.data_file_raw = in.data_file_raw;
  return out;
}

VmdkCreateOptions VmdkOptionsOf(const instar_proto_VmdkOptions& in) {
  return {.subformat = static_cast<VmdkSubformat>(in.subformat),
          .adapter_type = ViewOf(in.adapter_type),
          .hardware_version = ViewOf(in.hardware_version),
          .tools_version = ViewOf(in.tools_version),
          .compat6 = in.compat6,
          .zeroed_grain = in.zeroed_grain,
          .writes_tools_version = in.writes_tools_version,
          .file_name = ViewOf(in.file_name)};
}

BlockCreateOptions BlockOptionsOf(const instar_proto_BlockOptions& in) {
  return {.fixed = in.fixed,
          .force_size = in.force_size,
          .block_size = in.block_size,
          .log_size = in.log_size,
          .block_state_zero = !in.no_block_state_zero,
          .creator = ViewOf(in.creator)};
}

bool Failed(const Error& error, uint32_t slot) {
  ReportFailure(error,
                {.stage = instar_proto_Stage_STAGE_CREATE, .slot = slot});
  return false;
}

}  // namespace

OpenOptions OpenOptionsOf(const Context& context) {
  return {
      .vpc_size_prefers_geometry = context.config->vpc_size_prefers_geometry,
      .replay_log = context.config->replay_log};
}

OpenOptions OpenOptionsOf(const Context& context,
                          const instar_proto_Source& source) {
  OpenOptions options = OpenOptionsOf(context);
  options.raw_offset = source.raw_offset;
  options.has_raw_size = source.has_raw_size;
  options.raw_size = source.raw_size;
  return options;
}

CreateOptions CreateOptionsOf(const instar_proto_CreateTarget& target) {
  return {.size = target.size,
          .preallocation = static_cast<Preallocation>(target.preallocation),
          .backing_file = ViewOf(target.backing_file),
          .backing_format = ViewOf(target.backing_format),
          .qcow2 = Qcow2OptionsOf(target.qcow2),
          .vmdk = VmdkOptionsOf(target.vmdk),
          .block = BlockOptionsOf(target.block),
          .cluster = {.cluster_size = target.cluster.cluster_size,
                      .table_size = target.cluster.table_size},
          .random = ViewOf(target.random),
          .unix_time = target.unix_time};
}

namespace {

// A device has bytes already, perhaps those of an image.
Status HoldMagic(const Writer& writer, const CreateOptions& options,
                 SlotFile& file) {
  if (writer.magic_offset == nullptr) {
    return {};
  }
  const uint64_t offset = TRY(writer.magic_offset(options));
  if (offset < file.size()) {
    const uint8_t zeroes[abi::kHeldMagicBytes] = {};
    TRY(file.WriteAt(offset, ByteView(zeroes, sizeof zeroes)));
  }
  file.HoldBack(offset);
  return {};
}

}  // namespace

bool CreateOutput(Context& context, const Writer& writer,
                  const CreateOptions& options, HostOpener& opener,
                  TargetFiles& files) {
  files.opener = &opener;
  const Status valid =
      writer.validate == nullptr ? Status() : writer.validate(options);
  if (!valid.ok()) {
    return Failed(valid.error(), 0);
  }
  const Result<File*> file = opener.OpenOutput(instar_proto_Role_ROLE_TARGET);
  if (!file.ok()) {
    return Failed(file.error(), 0);
  }
  files.file = file.value();
  if (!options.qcow2.data_file.empty()) {
    const Result<File*> data_file =
        opener.OpenOutput(instar_proto_Role_ROLE_TARGET_DATA);
    if (!data_file.ok()) {
      return Failed(data_file.error(), files.file->slot());
    }
    files.data_file = data_file.value();
  }
  auto& image_file = static_cast<SlotFile&>(*files.file);
  Status created = HoldMagic(writer, options, image_file);
  image_file.set_exact_writes(true);
  if (created.ok()) {
    created = writer.create(context.arena, files, options);
  }
  image_file.set_exact_writes(false);
  if (!created.ok()) {
    return Failed(created.error(), files.file->slot());
  }
  return true;
}

}  // namespace instar::guest
