// Gathers what a guest says of a chain of images, and joins it with what the
// host knows of their files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compat/info_node.h"
#include "gen/guest.pb.h"
#include "vmm/files.h"

namespace instar::cmd {

class InfoFindings {
 public:
  // `files` must outlive the findings.
  explicit InfoFindings(const vmm::Files& files) : files_(files) {}

  // What the top image is called where its file's path is not its name.
  void set_shown_name(const std::string& name) { shown_name_ = name; }

  void Add(const proto::Finding& finding);

  // --limits, to be called at the end. As compat::AddBlockLimits, for every
  // image; `is_probed`: the top one.
  void AddLimits(bool is_probed, uint64_t direct_alignment);

  // The guest has said more than any chain of images holds, or has named files
  // that do not exist.
  bool broke_rule() const { return broke_rule_; }
  // Top image first.
  const std::vector<compat::InfoNode>& chain() const { return chain_; }

 private:
  void AddImage(const proto::ImageFacts& facts);
  void AddSnapshot(const proto::SnapshotFacts& facts);
  void AddBitmap(const proto::BitmapFacts& facts);
  void AddExtent(const proto::VmdkExtentFacts& facts);
  compat::InfoNode FileNode(uint32_t slot) const;

  const vmm::Files& files_;
  std::vector<compat::InfoNode> chain_;
  std::string shown_name_;
  uint32_t image_slot_ = 0;  // of the last image
  uint64_t num_bytes_ = 0;   // of all findings
  bool broke_rule_ = false;
};

}  // namespace instar::cmd
