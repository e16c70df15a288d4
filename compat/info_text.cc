#include "compat/info_text.h"

#include "compat/human_size.h"
#include "compat/info_specific.h"
#include "compat/snapshot_table.h"

namespace instar::compat {
namespace {

class Page {
 public:
  explicit Page(const Profile& profile) : profile_(profile) {}

  // Recursion follows the block graph that the command built.
  void AddNode(const InfoNode& node, const std::string& path, size_t indent) {
    indent_ = indent;
    AddHead(node, path.empty() || !node.children.empty());
    AddBacking(node);
    if (!node.snapshots.empty())
      Block(SnapshotTable(node.snapshots, profile_));
    if (node.limits) {
      Line("Block limits:");
      out_ += HumanTree(LimitsJson(*node.limits), indent_ + 1);
    }
    AddSpecific(node);
    if (!profile_.info_shows_child_nodes)
      return;
    for (const InfoChild& child : node.children) {
      const std::string child_path = path + '/' + child.name;
      indent_ = indent;
      Line("Child node '" + child_path + "':");
      AddNode(child.node, child_path, indent + 1);
    }
  }

  std::string Take() { return std::move(out_); }

 private:
  void Line(const std::string& text) {
    out_.append(indent_ * 4, ' ');
    out_ += text;
    out_ += '\n';
  }

  // Lines that end with a newline each.
  void Block(std::string_view lines) {
    while (!lines.empty()) {
      const size_t end = lines.find('\n');
      Line(std::string(lines.substr(0, end)));
      lines.remove_prefix(end + 1);
    }
  }

  // A leaf of the block graph is shown as a file, everything else as an image.
  void AddHead(const InfoNode& node, bool is_image) {
    Line((is_image ? "image: " : "filename: ") + node.filename);
    Line((is_image ? "file format: " : "protocol type: ") + node.format);
    Line((is_image ? "virtual size: " : "file length: ") +
         HumanSize(node.virtual_size) + " (" +
         std::to_string(node.virtual_size) + " bytes)");
    Line("disk size: " +
         (node.disk_size ? HumanSize(*node.disk_size) : "unavailable"));
    if (node.encrypted)
      Line("encrypted: yes");
    if (node.cluster_size != 0)
      Line("cluster_size: " +  // an int in qemu-img
           std::to_string(static_cast<int32_t>(node.cluster_size)));
    if (node.dirty && profile_.info_reads_dirty_bit)
      Line("cleanly shut down: no");
  }

  void AddBacking(const InfoNode& node) {
    if (!node.has_backing_file)
      return;
    std::string line = "backing file: " + node.backing_file;
    if (!node.full_backing_file)
      line += " (cannot determine actual path)";
    else if (*node.full_backing_file != node.backing_file)
      line += " (actual path: " + *node.full_backing_file + ')';
    Line(line);
    if (!node.backing_format.empty())
      Line("backing file format: " + node.backing_format);
  }

  void AddSpecific(const InfoNode& node) {
    const auto specific = FormatSpecific(node, profile_);
    if (!specific)
      return;
    const Json& data = specific->members().back().second;
    if (data.members().empty())
      return;
    Line("Format specific information:");
    out_ += HumanTree(data, indent_ + 1);
  }

  const Profile& profile_;
  size_t indent_ = 0;
  std::string out_;
};

}  // namespace

std::string InfoText(const InfoNode& node, const Profile& profile) {
  Page page(profile);
  page.AddNode(node, "", 0);
  return page.Take();
}

std::string InfoChainText(const std::vector<InfoNode>& chain,
                          const Profile& profile) {
  std::string out;
  for (const InfoNode& node : chain) {
    if (!out.empty())
      out += '\n';
    out += InfoText(node, profile);
  }
  return out;
}

}  // namespace instar::compat
