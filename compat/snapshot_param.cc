#include "compat/snapshot_param.h"

#include <algorithm>

namespace instar::compat {
namespace {

constexpr std::string_view kPrefix = "snapshot.";

// Takes a value, up to a comma by itself, off the list; a doubled one stands
// for one.
std::string TakeValue(std::string_view& list) {
  std::string value;
  size_t at = 0;
  for (; at < list.size(); ++at) {
    if (list[at] == ',') {
      if (at + 1 >= list.size() || list[at + 1] != ',')
        break;
      ++at;
    }
    value += list[at];
  }
  list.remove_prefix(std::min(at + 1, list.size()));
  return value;
}

std::string FlagWarning(const Names& names, std::string_view flag,
                        std::string_view name, std::string_view value) {
  return WarningLine(names, "short-form boolean option '" + std::string(flag) +
                                "' deprecated") +
         "Please use " + std::string(name) + "=" + std::string(value) +
         " instead\n";
}

}  // namespace

bool ReadSnapshotParam(const Names& names, std::string_view text,
                       SnapshotParam& param, std::string& output) {
  if (!text.starts_with(kPrefix)) {
    param.id_or_name = text;
    return true;
  }
  param.id.reset();
  param.name.reset();
  std::string_view list = text;
  while (!list.empty()) {
    const size_t end = std::min(list.find_first_of("=,"), list.size());
    std::string_view name = list.substr(0, end);
    const std::string_view flag = name;
    const bool has_value = end < list.size() && list[end] == '=';
    list.remove_prefix(std::min(end + 1, list.size()));
    std::string value = "on";
    if (has_value) {
      value = TakeValue(list);
    } else {
      if (name.starts_with("no")) {
        name.remove_prefix(2);
        value = "off";
      }
      output += FlagWarning(names, flag, name, value);
    }
    if (name == "snapshot.id") {
      param.id = value;
    } else if (name == "snapshot.name") {
      param.name = value;
    } else {
      output +=
          ErrorLine(names, "Invalid parameter '" + std::string(name) + "'") +
          ErrorLine(names, "Failed in parsing snapshot param '" +
                               std::string(text) + "'");
      return false;
    }
  }
  return true;
}

}  // namespace instar::compat
