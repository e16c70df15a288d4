#include "guest/rt/findings.h"

#include <pb_encode.h>

#include "guest/rt/context.h"
#include "guest/rt/requests.h"

namespace instar::guest {
namespace {

constexpr uint64_t kFrameBytes = 32 << 10;
static_assert(kFrameBytes <= abi::kMaxFrameBytes);

// In the arena: a guest binary has better use for its room.
MutableBytes frame;
uint64_t frame_used = 0;

// A view as the value of a `bytes` field. The view must outlive the encoding.
bool EncodeView(pb_ostream_t* stream, const pb_field_t* field,
                void* const* argument) {
  const auto& view = *static_cast<const ByteView*>(*argument);
  if (view.empty()) {
    return true;
  }
  return pb_encode_tag_for_field(stream, field) &&
         pb_encode_string(stream, view.data(), view.size());
}

void SetView(pb_callback_t& callback, const ByteView& view) {
  callback.funcs.encode = &EncodeView;
  callback.arg = const_cast<ByteView*>(&view);
}

bool Append(const instar_proto_Finding& finding) {
  pb_ostream_t stream = pb_ostream_from_buffer(frame.data() + frame_used,
                                               frame.size() - frame_used);
  if (!pb_encode_tag(&stream, PB_WT_STRING, instar_proto_Frame_findings_tag) ||
      !pb_encode_submessage(&stream, instar_proto_Finding_fields, &finding)) {
    return false;
  }
  frame_used += stream.bytes_written;
  return true;
}

void Add(const instar_proto_Finding& finding) {
  if (!Append(finding)) {
    FlushFindings();
    INSTAR_CHECK(Append(finding));
  }
}

class ListReporter final : public FactsVisitor {
 public:
  Status OnSnapshot(const SnapshotFacts& snapshot) override {
    instar_proto_Finding finding = instar_proto_Finding_init_zero;
    finding.which_kind = instar_proto_Finding_snapshot_tag;
    instar_proto_SnapshotFacts& out = finding.kind.snapshot;
    SetView(out.id, snapshot.id);
    SetView(out.name, snapshot.name);
    out.vm_state_size = snapshot.vm_state_size;
    out.date_sec = snapshot.date_sec;
    out.date_nsec = snapshot.date_nsec;
    out.vm_clock_nsec = snapshot.vm_clock_nsec;
    out.has_icount = snapshot.has_icount;
    out.icount = snapshot.icount;
    Add(finding);
    return {};
  }

  Status OnBitmap(const BitmapFacts& bitmap) override {
    instar_proto_Finding finding = instar_proto_Finding_init_zero;
    finding.which_kind = instar_proto_Finding_bitmap_tag;
    instar_proto_BitmapFacts& out = finding.kind.bitmap;
    SetView(out.name, bitmap.name);
    out.granularity = bitmap.granularity;
    out.in_use = bitmap.in_use;
    out.automatic = bitmap.automatic;
    Add(finding);
    return {};
  }

  Status OnExtent(const VmdkExtentFacts& extent) override {
    instar_proto_Finding finding = instar_proto_Finding_init_zero;
    finding.which_kind = instar_proto_Finding_vmdk_extent_tag;
    instar_proto_VmdkExtentFacts& out = finding.kind.vmdk_extent;
    out.slot = extent.file->slot();
    SetView(out.format, extent.format);
    out.virtual_size = extent.virtual_size;
    out.cluster_size = extent.cluster_size;
    out.compressed = extent.compressed;
    Add(finding);
    return {};
  }
};

void SetLuks(instar_proto_LuksFacts& out, const LuksFacts& facts) {
  SetView(out.cipher, facts.cipher);
  SetView(out.cipher_mode, facts.cipher_mode);
  SetView(out.ivgen_algorithm, facts.ivgen_algorithm);
  SetView(out.ivgen_hash, facts.ivgen_hash);
  SetView(out.hash, facts.hash);
  SetView(out.uuid, facts.uuid);
  out.payload_offset = facts.payload_offset;
  out.master_key_iterations = facts.master_key_iterations;
  static_assert(sizeof out.slots / sizeof out.slots[0] == LuksFacts::kNumSlots);
  out.slots_count = LuksFacts::kNumSlots;
  for (uint64_t i = 0; i < LuksFacts::kNumSlots; ++i) {
    const LuksSlotFacts& slot = facts.slots[i];
    out.slots[i] = {.active = slot.active,
                    .iterations = slot.iterations,
                    .stripes = slot.stripes,
                    .key_offset = slot.key_offset};
  }
}

void SetQcow2(instar_proto_Qcow2Facts& out, const Qcow2Facts& facts) {
  out.version = facts.version;
  out.compression =
      static_cast<instar_proto_CompressionType>(facts.compression);
  out.lazy_refcounts = facts.lazy_refcounts;
  out.refcount_bits = facts.refcount_bits;
  out.has_data_file = facts.has_data_file;
  SetView(out.data_file, facts.data_file);
  out.data_file_raw = facts.data_file_raw;
  out.corrupt = facts.corrupt;
  out.extended_l2 = facts.extended_l2;
  out.crypt_method = facts.crypt_method;
  out.has_bitmaps = facts.has_bitmaps;
  if (facts.luks != nullptr) {
    out.has_luks = true;
    SetLuks(out.luks, *facts.luks);
  }
}

}  // namespace

void PrepareFindings(Arena& arena) {
  const auto bytes = arena.Allocate(kFrameBytes, 64);
  INSTAR_CHECK(bytes.ok());
  frame = bytes.value();
}

void ReportImage(const Image& image) {
  const ImageFacts& facts = image.facts();
  instar_proto_Finding finding = instar_proto_Finding_init_zero;
  finding.which_kind = instar_proto_Finding_image_tag;
  instar_proto_ImageFacts& out = finding.kind.image;
  out.slot = image.file().slot();
  SetView(out.format, facts.format);
  out.virtual_size = facts.virtual_size;
  out.cluster_size = facts.cluster_size;
  out.encrypted = facts.encrypted;
  out.dirty = facts.dirty;
  out.has_backing_file = facts.has_backing_file;
  SetView(out.backing_file, facts.backing_file);
  SetView(out.backing_format, facts.backing_format);
  if (facts.qcow2 != nullptr) {
    out.has_qcow2 = true;
    SetQcow2(out.qcow2, *facts.qcow2);
  }
  if (facts.luks != nullptr) {
    out.has_luks = true;
    SetLuks(out.luks, *facts.luks);
  }
  if (facts.vmdk != nullptr) {
    out.has_vmdk = true;
    out.vmdk.cid = facts.vmdk->cid;
    out.vmdk.parent_cid = facts.vmdk->parent_cid;
    SetView(out.vmdk.create_type, facts.vmdk->create_type);
  }
  if (facts.data_file != nullptr) {
    out.has_data_slot = true;
    out.data_slot = facts.data_file->slot();
  }
  Add(finding);
}

Status ReportLists(Image& image) {
  ListReporter reporter;
  return image.List(reporter);
}

void ReportFailure(const Error& error, FailurePlace place) {
  instar_proto_Finding finding = instar_proto_Finding_init_zero;
  finding.which_kind = instar_proto_Finding_failure_tag;
  instar_proto_Failure& out = finding.kind.failure;
  out.fault = static_cast<instar_proto_Fault>(error.fault);
  out.stage = place.stage;
  out.slot = place.slot;
  out.value = error.value;
  out.value2 = error.value2;
  out.value3 = error.value3;
  out.position = place.position;
  const ByteView text = Text(error);
  SetView(out.text, text);
  out.error = error.error;
  Add(finding);
}

void ReportWarning(const Error& warning) {
  instar_proto_Finding finding = instar_proto_Finding_init_zero;
  finding.which_kind = instar_proto_Finding_warning_tag;
  finding.kind.warning.fault = static_cast<instar_proto_Fault>(warning.fault);
  finding.kind.warning.value = warning.value;
  finding.kind.warning.error = warning.error;
  const ByteView text = Text(warning);
  SetView(finding.kind.warning.text, text);
  Add(finding);
}

void ReportPlan(uint64_t size, ByteView detected_format) {
  instar_proto_Finding finding = instar_proto_Finding_init_zero;
  finding.which_kind = instar_proto_Finding_plan_tag;
  finding.kind.plan.size = size;
  SetView(finding.kind.plan.detected_format, detected_format);
  Add(finding);
  FlushFindings();
}

void ReportMeasurement(const Measurement& sizes) {
  instar_proto_Finding finding = instar_proto_Finding_init_zero;
  finding.which_kind = instar_proto_Finding_measure_tag;
  finding.kind.measure.required = sizes.required;
  finding.kind.measure.fully_allocated = sizes.fully_allocated;
  finding.kind.measure.has_bitmaps = sizes.has_bitmaps;
  finding.kind.measure.bitmaps = sizes.bitmaps;
  Add(finding);
}

void ReportComparison(const instar_proto_CompareResult& result) {
  instar_proto_Finding finding = instar_proto_Finding_init_zero;
  finding.which_kind = instar_proto_Finding_compare_tag;
  finding.kind.compare = result;
  Add(finding);
}

void ReportProblem(const Error& problem) {
  instar_proto_Finding finding = instar_proto_Finding_init_zero;
  finding.which_kind = instar_proto_Finding_problem_tag;
  instar_proto_CheckProblem& out = finding.kind.problem;
  out.fault = static_cast<instar_proto_Fault>(problem.fault);
  out.value = problem.value;
  out.value2 = problem.value2;
  out.value3 = problem.value3;
  out.error = problem.error;
  const ByteView text = Text(problem);
  SetView(out.text, text);
  Add(finding);
}

void ReportCheck(const CheckResult& result, const Image& image) {
  instar_proto_Finding finding = instar_proto_Finding_init_zero;
  finding.which_kind = instar_proto_Finding_check_tag;
  instar_proto_CheckResult& out = finding.kind.check;
  out.corruptions = result.corruptions;
  out.leaks = result.leaks;
  out.check_errors = result.check_errors;
  out.image_end_offset = result.image_end_offset;
  out.total_clusters = result.total_clusters;
  out.allocated_clusters = result.allocated_clusters;
  out.fragmented_clusters = result.fragmented_clusters;
  out.compressed_clusters = result.compressed_clusters;
  out.corruptions_fixed = result.corruptions_fixed;
  out.leaks_fixed = result.leaks_fixed;
  out.slot = image.file().slot();
  SetView(out.format, image.facts().format);
  Add(finding);
}

void ReportPanic(const char* what) {
  const auto length = static_cast<uint32_t>(__builtin_strlen(what));
  ReportFailure({.fault = Fault::kInternal,
                 .text = reinterpret_cast<const uint8_t*>(what),
                 .text_bytes = length},
                {});
}

void FlushFindings() {
  if (frame_used == 0) {
    return;
  }
  Requests::Of(CurrentVcpu())
      .Call({.call = abi::Call::kMessage,
             .length = frame_used,
             .buffer = AddressOf(frame.data())});
  frame_used = 0;
}

}  // namespace instar::guest
