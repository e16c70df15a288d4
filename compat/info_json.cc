#include "compat/info_json.h"

#include "compat/info_specific.h"
#include "compat/json.h"

namespace instar::compat {
namespace {

// Drivers that tell nothing of themselves have no dirty flag either.
bool HasDriverInfo(const std::string& format) {
  return format != "parallels" && format != "bochs" && format != "cloop" &&
         format != "dmg";
}

constexpr uint64_t kNanoseconds = 1'000'000'000;

Json Snapshots(const std::vector<InfoSnapshot>& snapshots) {
  Json list = Json::List();
  for (const InfoSnapshot& snapshot : snapshots) {
    Json entry = Json::Object();
    if (snapshot.icount)
      entry.Add("icount", Json::Number(static_cast<int64_t>(*snapshot.icount)));
    entry.Add("vm-clock-nsec",
              Json::Unsigned(snapshot.vm_clock_nsec % kNanoseconds));
    entry.Add("name", Json::String(snapshot.name));
    entry.Add("date-sec", Json::Unsigned(snapshot.date_sec));
    entry.Add("date-nsec", Json::Unsigned(snapshot.date_nsec));
    entry.Add("vm-clock-sec",
              Json::Unsigned(snapshot.vm_clock_nsec / kNanoseconds));
    entry.Add("id", Json::String(snapshot.id));
    entry.Add("vm-state-size",
              Json::Number(static_cast<int64_t>(snapshot.vm_state_size)));
    list.Append(std::move(entry));
  }
  return list;
}

Json NodeJson(const InfoNode& node, const Profile& profile);

Json Children(const InfoNode& node, const Profile& profile) {
  Json list = Json::List();
  for (const InfoChild& child : node.children) {
    Json entry = Json::Object();
    entry.Add("name", Json::String(child.name));
    entry.Add("info", NodeJson(child.node, profile));
    list.Append(std::move(entry));
  }
  return list;
}

// Members in the order of qemu-img's hash table, which is not alphabetical
// and not the schema's.
Json NodeJson(const InfoNode& node, const Profile& profile) {
  Json json = Json::Object();
  if (node.limits)
    json.Add("limits", LimitsJson(*node.limits));
  if (profile.info_shows_child_nodes)
    json.Add("children", Children(node, profile));
  if (node.has_backing_file && !node.backing_format.empty())
    json.Add("backing-filename-format", Json::String(node.backing_format));
  if (!node.snapshots.empty())
    json.Add("snapshots", Snapshots(node.snapshots));
  json.Add("virtual-size", Json::Unsigned(node.virtual_size));
  json.Add("filename", Json::String(node.filename));
  if (node.cluster_size != 0)
    // qemu-img's is an int; 2 GiB, which vpc may have, shows as negative.
    json.Add("cluster-size",
             Json::Number(static_cast<int32_t>(node.cluster_size)));
  json.Add("format", Json::String(node.format));
  if (node.disk_size)
    json.Add("actual-size", Json::Unsigned(*node.disk_size));
  if (auto specific = FormatSpecific(node, profile))
    json.Add("format-specific", std::move(*specific));
  if (node.has_backing_file && node.full_backing_file)
    json.Add("full-backing-filename", Json::String(*node.full_backing_file));
  if (node.encrypted)
    json.Add("encrypted", Json::Bool(true));
  if (node.has_backing_file)
    json.Add("backing-filename", Json::String(node.backing_file));
  if (HasDriverInfo(node.format) && (!node.vmdk || node.vmdk->is_uniform())) {
    json.Add("dirty-flag",
             Json::Bool(node.dirty && profile.info_reads_dirty_bit));
  }
  return json;
}

}  // namespace

std::string InfoJson(const InfoNode& node, const Profile& profile) {
  return NodeJson(node, profile).Print() + '\n';
}

std::string InfoChainJson(const std::vector<InfoNode>& chain,
                          const Profile& profile) {
  Json list = Json::List();
  for (const InfoNode& node : chain)
    list.Append(NodeJson(node, profile));
  return list.Print() + '\n';
}

}  // namespace instar::compat
