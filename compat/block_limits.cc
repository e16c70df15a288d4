#include "compat/block_limits.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "compat/info_node.h"

namespace instar::compat {
namespace {

constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kMaxIov = 1024;  // IOV_MAX
constexpr uint64_t kSubclusters = 32;

// Formats whose drivers take requests of whole sectors only.
bool TakesSectors(std::string_view format) {
  constexpr std::string_view kFormats[] = {
      "qcow", "qed", "vhdx", "parallels", "bochs", "cloop", "dmg", "luks"};
  return std::ranges::find(kFormats, format) != std::end(kFormats);
}

uint64_t LargestGrain(const InfoVmdk& vmdk) {
  uint64_t largest = 0;
  for (const InfoVmdkExtent& extent : vmdk.extents)
    largest = std::max(largest, extent.cluster_size);
  return largest;
}

BlockLimits FileLimits(uint64_t direct_alignment) {
  const uint64_t alignment = std::max<uint64_t>(direct_alignment, 1);
  return {.write_zeroes_alignment = {},
          .request_alignment = alignment,
          .min_mem_alignment = alignment,
          .discard_alignment = {},
          .opt_mem_alignment = std::max(alignment, kPageBytes),
          .max_write_zeroes = {}};
}

BlockLimits ImageLimits(const InfoNode& image, bool is_probed,
                        uint64_t direct_alignment) {
  BlockLimits limits = FileLimits(direct_alignment);
  // A guest must not write part of the sector that decides what the image is.
  const bool whole_sectors =
      TakesSectors(image.format) || (image.format == "raw" && is_probed);
  limits.request_alignment = whole_sectors ? kSectorBytes : 1;
  if (image.qcow2) {
    limits.discard_alignment = image.cluster_size;
    limits.write_zeroes_alignment =
        image.cluster_size / (image.qcow2->extended_l2 ? kSubclusters : 1);
  }
  if (image.format == "qed" && image.cluster_size != 0) {
    constexpr uint64_t kMost = std::numeric_limits<int32_t>::max();
    limits.write_zeroes_alignment = image.cluster_size;
    limits.max_write_zeroes = kMost / image.cluster_size * image.cluster_size;
  }
  if (image.vmdk) {
    if (const uint64_t grain = LargestGrain(*image.vmdk); grain != 0)
      limits.write_zeroes_alignment = grain;
  }
  return limits;
}

}  // namespace

void AddBlockLimits(InfoNode& image, bool is_probed,
                    uint64_t direct_alignment) {
  image.limits = ImageLimits(image, is_probed, direct_alignment);
  for (InfoChild& child : image.children)
    child.node.limits = FileLimits(direct_alignment);
}

// Members in the order of qemu-img's hash table.
Json LimitsJson(const BlockLimits& limits) {
  Json json = Json::Object();
  const auto add = [&](const char* name, std::optional<uint64_t> value) {
    if (value)
      json.Add(name, Json::Unsigned(*value));
  };
  add("write-zeroes-alignment", limits.write_zeroes_alignment);
  add("request-alignment", limits.request_alignment);
  add("min-mem-alignment", limits.min_mem_alignment);
  add("discard-alignment", limits.discard_alignment);
  add("opt-mem-alignment", limits.opt_mem_alignment);
  add("max-iov", kMaxIov);
  add("max-write-zeroes", limits.max_write_zeroes);
  return json;
}

}  // namespace instar::compat
