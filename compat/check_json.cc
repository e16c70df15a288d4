#include "compat/check_json.h"

#include "compat/json.h"

namespace instar::compat {
namespace {

void AddUnlessZero(Json& json, std::string_view name, uint64_t value) {
  if (value != 0)
    json.Add(name, Json::Unsigned(value));
}

// Members in the order of qemu-img's hash table.
Json ImageJson(const CheckedImage& image) {
  const proto::CheckResult& result = image.result;
  Json json = Json::Object();
  AddUnlessZero(json, "image-end-offset", result.image_end_offset());
  AddUnlessZero(json, "compressed-clusters", result.compressed_clusters());
  AddUnlessZero(json, "total-clusters", result.total_clusters());
  AddUnlessZero(json, "corruptions", result.corruptions());
  AddUnlessZero(json, "corruptions-fixed", result.corruptions_fixed());
  json.Add("check-errors", Json::Unsigned(result.check_errors()));
  AddUnlessZero(json, "leaks", result.leaks());
  AddUnlessZero(json, "leaks-fixed", result.leaks_fixed());
  AddUnlessZero(json, "allocated-clusters", result.allocated_clusters());
  json.Add("filename", Json::String(image.filename));
  json.Add("format", Json::String(result.format()));
  AddUnlessZero(json, "fragmented-clusters", result.fragmented_clusters());
  return json;
}

}  // namespace

std::string CheckJson(const CheckedImage& image) {
  return ImageJson(image).Print() + '\n';
}

std::string CheckChainJson(const std::vector<CheckedImage>& images) {
  Json list = Json::List();
  for (const CheckedImage& image : images)
    list.Append(ImageJson(image));
  return list.Print() + '\n';
}

}  // namespace instar::compat
