#include "cmd/info_findings.h"

#include <ctime>
#include <string>
#include <utility>

#include "compat/filename.h"

namespace instar::cmd {
namespace {

constexpr uint64_t kSectorBytes = 512;
// Far above what an image with all its snapshots and bitmaps can say.
constexpr uint64_t kMaxFindingBytes = 256 << 20;

// qemu-img keeps names as C strings.
std::string Text(const std::string& bytes) {
  return bytes.substr(0, bytes.find('\0'));
}

std::string LocalTime(uint32_t seconds) {
  const time_t time = seconds;
  std::tm parts = {};
  char text[64] = "";
  if (localtime_r(&time, &parts) != nullptr)
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

std::string ShownPath(const std::string& path) {
  return std::string(compat::ParseImageName(path).path);
}

compat::InfoEncryption EncryptionOf(uint32_t method) {
  switch (method) {
    case 0:
      return compat::InfoEncryption::kNone;
    case 1:
      return compat::InfoEncryption::kAes;
    default:
      return compat::InfoEncryption::kLuks;
  }
}

compat::InfoLuks LuksOf(const proto::LuksFacts& facts) {
  compat::InfoLuks luks;
  luks.cipher = Text(facts.cipher());
  luks.cipher_mode = Text(facts.cipher_mode());
  luks.ivgen_algorithm = Text(facts.ivgen_algorithm());
  luks.ivgen_hash = Text(facts.ivgen_hash());
  luks.hash = Text(facts.hash());
  luks.uuid = Text(facts.uuid());
  luks.payload_offset = facts.payload_offset();
  luks.master_key_iterations = facts.master_key_iterations();
  for (const proto::LuksSlot& slot : facts.slots()) {
    luks.slots.push_back({.active = slot.active(),
                          .iterations = slot.iterations(),
                          .stripes = slot.stripes(),
                          .key_offset = slot.key_offset()});
  }
  return luks;
}

compat::InfoQcow2 Qcow2Of(const proto::Qcow2Facts& facts) {
  compat::InfoQcow2 qcow2;
  qcow2.is_version_2 = facts.version() == 2;
  qcow2.uses_zstd = facts.compression() == proto::COMPRESSION_ZSTD;
  qcow2.lazy_refcounts = facts.lazy_refcounts();
  qcow2.refcount_bits = facts.refcount_bits();
  qcow2.has_data_file = facts.has_data_file();
  qcow2.data_file = Text(facts.data_file());
  qcow2.data_file_raw = facts.data_file_raw();
  qcow2.corrupt = facts.corrupt();
  qcow2.extended_l2 = facts.extended_l2();
  qcow2.encryption = EncryptionOf(facts.crypt_method());
  qcow2.has_bitmaps = facts.has_bitmaps();
  if (facts.has_luks())
    qcow2.luks = LuksOf(facts.luks());
  return qcow2;
}

compat::InfoVmdk VmdkOf(const proto::VmdkFacts& facts) {
  compat::InfoVmdk vmdk;
  vmdk.cid = facts.cid();
  vmdk.parent_cid = facts.parent_cid();
  vmdk.create_type = Text(facts.create_type());
  return vmdk;
}

}  // namespace

void InfoFindings::Add(const proto::Finding& finding) {
  num_bytes_ += finding.ByteSizeLong();
  if (num_bytes_ > kMaxFindingBytes)
    broke_rule_ = true;
  if (broke_rule_)
    return;
  if (finding.has_image())
    AddImage(finding.image());
  else if (chain_.empty())
    broke_rule_ = true;
  else if (finding.has_snapshot())
    AddSnapshot(finding.snapshot());
  else if (finding.has_bitmap())
    AddBitmap(finding.bitmap());
  else if (finding.has_vmdk_extent())
    AddExtent(finding.vmdk_extent());
}

// A length is shown as qemu-img's file driver has it, in whole sectors.
compat::InfoNode InfoFindings::FileNode(uint32_t slot) const {
  const abi::SlotInfo info = files_.info(slot);
  compat::InfoNode node;
  // A name that stands for no protocol is shown as it is.
  const std::string& path = files_.path(slot);
  const bool is_extent = files_.origin(slot).role == proto::ROLE_EXTENT;
  node.filename = is_extent ? path : ShownPath(path);
  node.format = "file";
  node.virtual_size =
      (info.size_bytes + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
  node.disk_size = info.allocated_bytes;
  if (const uint32_t hint = files_.extent_size_hint(slot); hint != 0)
    node.extent_size_hint = hint;
  return node;
}

void InfoFindings::AddImage(const proto::ImageFacts& facts) {
  const bool has_data_file = facts.has_data_slot();
  if (facts.slot() >= files_.size() ||
      (has_data_file && facts.data_slot() >= files_.size())) {
    broke_rule_ = true;
    return;
  }
  compat::InfoNode node;
  compat::InfoNode file = FileNode(facts.slot());
  node.filename =
      chain_.empty() && !shown_name_.empty() ? shown_name_ : file.filename;
  node.format = Text(facts.format());
  node.virtual_size = facts.virtual_size();
  node.cluster_size = facts.cluster_size();
  node.encrypted = facts.encrypted();
  node.dirty = facts.dirty();
  node.backing_file = Text(facts.backing_file());
  node.has_backing_file =
      facts.has_backing_file() && !node.backing_file.empty();
  if (node.has_backing_file) {
    node.full_backing_file =
        vmm::ResolveReference(files_.path(facts.slot()), node.backing_file);
  }
  node.backing_format = Text(facts.backing_format());
  if (facts.has_qcow2())
    node.qcow2 = Qcow2Of(facts.qcow2());
  if (facts.has_luks())
    node.luks = LuksOf(facts.luks());
  if (facts.has_vmdk())
    node.vmdk = VmdkOf(facts.vmdk());
  image_slot_ = facts.slot();

  node.disk_size = file.disk_size;
  if (has_data_file) {
    compat::InfoNode data_file = FileNode(facts.data_slot());
    node.disk_size = *node.disk_size + data_file.disk_size.value_or(0);
    node.children.push_back({"data-file", std::move(data_file)});
  }
  node.children.push_back({"file", std::move(file)});
  chain_.push_back(std::move(node));
}

void InfoFindings::AddSnapshot(const proto::SnapshotFacts& facts) {
  compat::InfoSnapshot snapshot;
  snapshot.id = Text(facts.id());
  snapshot.name = Text(facts.name());
  snapshot.vm_state_size = facts.vm_state_size();
  snapshot.date_sec = facts.date_sec();
  snapshot.date_nsec = facts.date_nsec();
  snapshot.date_text = LocalTime(facts.date_sec());
  snapshot.vm_clock_nsec = facts.vm_clock_nsec();
  if (facts.has_icount())
    snapshot.icount = facts.icount();
  chain_.back().snapshots.push_back(std::move(snapshot));
}

void InfoFindings::AddBitmap(const proto::BitmapFacts& facts) {
  if (!chain_.back().qcow2)
    return;
  compat::InfoBitmap bitmap;
  bitmap.name = Text(facts.name());
  bitmap.granularity = facts.granularity();
  bitmap.in_use = facts.in_use();
  bitmap.automatic = facts.automatic();
  chain_.back().qcow2->bitmaps.push_back(std::move(bitmap));
}

void InfoFindings::AddExtent(const proto::VmdkExtentFacts& facts) {
  compat::InfoNode& image = chain_.back();
  if (!image.vmdk || facts.slot() >= files_.size()) {
    broke_rule_ = true;
    return;
  }
  compat::InfoNode file = FileNode(facts.slot());
  compat::InfoVmdkExtent extent;
  extent.filename = file.filename;
  extent.format = Text(facts.format());
  extent.virtual_size = facts.virtual_size();
  extent.cluster_size = facts.cluster_size();
  extent.compressed = facts.compressed();
  std::vector<compat::InfoVmdkExtent>& extents = image.vmdk->extents;
  if (facts.slot() != image_slot_) {
    // The latest child is shown first.
    image.disk_size = image.disk_size.value_or(0) + file.disk_size.value_or(0);
    image.children.insert(
        image.children.begin(),
        {"extents." + std::to_string(extents.size()), std::move(file)});
  }
  extents.push_back(std::move(extent));
}

void InfoFindings::AddLimits(bool is_probed, uint64_t direct_alignment) {
  for (compat::InfoNode& image : chain_) {
    compat::AddBlockLimits(image, is_probed, direct_alignment);
    is_probed = image.backing_format.empty();
  }
}

}  // namespace instar::cmd
