#include "compat/info_specific.h"

#include <algorithm>

namespace instar::compat {
namespace {

Json LuksSlots(const InfoLuks& luks) {
  Json slots = Json::List();
  for (const InfoLuksSlot& slot : luks.slots) {
    Json entry = Json::Object();
    entry.Add("active", Json::Bool(slot.active));
    if (slot.active)
      entry.Add("iters", Json::Unsigned(slot.iterations));
    entry.Add("key-offset", Json::Unsigned(slot.key_offset));
    if (slot.active)
      entry.Add("stripes", Json::Unsigned(slot.stripes));
    slots.Append(std::move(entry));
  }
  return slots;
}

// `within_qcow2`: LUKS is one of several methods, so its name is a member.
Json LuksData(const InfoLuks& luks, bool within_qcow2, const Profile& profile) {
  Json data = Json::Object();
  data.Add("ivgen-alg", Json::String(luks.ivgen_algorithm));
  if (profile.luks_shows_detached_header)
    data.Add("detached-header", Json::Bool(luks.detached_header));
  data.Add("hash-alg", Json::String(luks.hash));
  data.Add("cipher-alg", Json::String(luks.cipher));
  data.Add("uuid", Json::String(luks.uuid));
  if (!luks.ivgen_hash.empty())
    data.Add("ivgen-hash-alg", Json::String(luks.ivgen_hash));
  if (within_qcow2)
    data.Add("format", Json::String("luks"));
  data.Add("cipher-mode", Json::String(luks.cipher_mode));
  data.Add("slots", LuksSlots(luks));
  data.Add("payload-offset", Json::Unsigned(luks.payload_offset));
  data.Add("master-key-iters", Json::Unsigned(luks.master_key_iterations));
  return data;
}

Json EncryptData(const InfoQcow2& qcow2, const Profile& profile) {
  if (qcow2.luks)
    return LuksData(*qcow2.luks, true, profile);
  const bool is_aes = qcow2.encryption == InfoEncryption::kAes;
  return Json::Object().Add("format", Json::String(is_aes ? "aes" : "luks"));
}

Json BitmapList(const InfoQcow2& qcow2) {
  Json list = Json::List();
  for (const InfoBitmap& bitmap : qcow2.bitmaps) {
    Json flags = Json::List();
    if (bitmap.in_use)
      flags.Append(Json::String("in-use"));
    if (bitmap.automatic)
      flags.Append(Json::String("auto"));
    Json entry = Json::Object();
    entry.Add("flags", std::move(flags));
    entry.Add("name", Json::String(bitmap.name));
    entry.Add("granularity", Json::Unsigned(bitmap.granularity));
    list.Append(std::move(entry));
  }
  return list;
}

Json Qcow2Data(const InfoQcow2& qcow2, const Profile& profile) {
  const bool has_features = !qcow2.is_version_2;
  Json data = Json::Object();
  data.Add("compat", Json::String(has_features ? "1.1" : "0.10"));
  data.Add("compression-type", Json::String(qcow2.uses_zstd ? "zstd" : "zlib"));
  if (has_features)
    data.Add("lazy-refcounts", Json::Bool(qcow2.lazy_refcounts));
  if (has_features && (qcow2.has_bitmaps || !qcow2.bitmaps.empty()))
    data.Add("bitmaps", BitmapList(qcow2));
  data.Add("refcount-bits", Json::Unsigned(qcow2.refcount_bits));
  // The name is shown even where a stale one is all that is left.
  if (has_features && !qcow2.data_file.empty())
    data.Add("data-file", Json::String(qcow2.data_file));
  if (qcow2.encryption != InfoEncryption::kNone)
    data.Add("encrypt", EncryptData(qcow2, profile));
  if (has_features && qcow2.has_data_file)
    data.Add("data-file-raw", Json::Bool(qcow2.data_file_raw));
  if (has_features) {
    data.Add("corrupt", Json::Bool(qcow2.corrupt));
    data.Add("extended-l2", Json::Bool(qcow2.extended_l2));
  }
  return data;
}

Json VmdkData(const InfoVmdk& vmdk) {
  Json extents = Json::List();
  for (const InfoVmdkExtent& extent : vmdk.extents) {
    Json entry = Json::Object();
    if (extent.compressed)
      entry.Add("compressed", Json::Bool(true));
    entry.Add("virtual-size", Json::Unsigned(extent.virtual_size));
    entry.Add("filename", Json::String(extent.filename));
    if (extent.cluster_size != 0)
      entry.Add("cluster-size", Json::Unsigned(extent.cluster_size));
    entry.Add("format", Json::String(extent.format));
    extents.Append(std::move(entry));
  }
  Json data = Json::Object();
  data.Add("cid", Json::Unsigned(vmdk.cid));
  data.Add("parent-cid", Json::Unsigned(vmdk.parent_cid));
  data.Add("create-type", Json::String(vmdk.create_type));
  data.Add("extents", std::move(extents));
  return data;
}

Json FileData(const InfoNode& node) {
  Json data = Json::Object();
  if (node.extent_size_hint)
    data.Add("extent-size-hint", Json::Unsigned(*node.extent_size_hint));
  return data;
}

Json Wrap(std::string_view type, Json data) {
  Json wrapper = Json::Object();
  wrapper.Add("type", Json::String(type));
  wrapper.Add("data", std::move(data));
  return wrapper;
}

}  // namespace

std::optional<Json> FormatSpecific(const InfoNode& node,
                                   const Profile& profile) {
  if (node.qcow2)
    return Wrap("qcow2", Qcow2Data(*node.qcow2, profile));
  if (node.vmdk)
    return Wrap("vmdk", VmdkData(*node.vmdk));
  if (node.luks)
    return Wrap("luks", LuksData(*node.luks, false, profile));
  if (node.format == "file")
    return Wrap("file", FileData(node));
  return std::nullopt;
}

// Recursion follows a tree that FormatSpecific built, which is a few levels
// deep.
std::string HumanTree(const Json& value, size_t indent) {
  std::string out;
  size_t index = 0;
  for (const auto& [name, member] : value.members()) {
    out.append(indent * 4, ' ');
    if (value.kind() == Json::Kind::kList) {
      out += '[' + std::to_string(index++) + ']';
    } else {
      std::string label = name;
      std::replace(label.begin(), label.end(), '-', ' ');
      out += label;
    }
    if (member.is_composite())
      out += ":\n" + HumanTree(member, indent + 1);
    else
      out += ": " + member.text() + '\n';
  }
  return out;
}

}  // namespace instar::compat
