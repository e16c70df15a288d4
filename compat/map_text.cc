#include "compat/map_text.h"

#include <charconv>

namespace instar::compat {
namespace {

constexpr size_t kColumnWidth = 16;

void AppendNumber(std::string& out, uint64_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

// As printf's "%#-16x".
void AppendColumn(std::string& out, uint64_t number) {
  char digits[24] = {'0', 'x'};
  char* from = number == 0 ? digits : digits + 2;
  const auto end = std::to_chars(from, digits + sizeof digits, number, 16).ptr;
  const auto length = static_cast<size_t>(end - digits);
  out.append(digits, length);
  if (length < kColumnWidth)
    out.append(kColumnWidth - length, ' ');
}

}  // namespace

void MapText::Begin(std::string& out) const {
  if (json_)
    out += '[';
  else
    out += "Offset          Length          Mapped to       File\n";
}

bool MapText::Add(const MapEntry& entry, std::string& out) {
  if (json_) {
    if (!first_)
      out += ",\n";
    first_ = false;
    AddJson(entry, out);
    return true;
  }
  // Zeroes, stored or not, are all the same here, but for the first run.
  const bool counts = entry.data && (first_ || !entry.zero);
  if (entry.length != 0)
    first_ = false;
  if (!counts)
    return true;
  if (!entry.has_offset)
    return false;
  if (entry.zero)
    return true;
  AppendColumn(out, entry.start);
  AppendColumn(out, entry.length);
  AppendColumn(out, entry.offset);
  out += entry.filename;
  out += '\n';
  return true;
}

void MapText::AddJson(const MapEntry& entry, std::string& out) const {
  out += "{ \"start\": ";
  AppendNumber(out, entry.start);
  out += ", \"length\": ";
  AppendNumber(out, entry.length);
  out += ", \"depth\": ";
  AppendNumber(out, entry.depth);
  if (profile_.map_shows_present)
    out += entry.present ? ", \"present\": true" : ", \"present\": false";
  out += entry.zero ? ", \"zero\": true" : ", \"zero\": false";
  out += entry.data ? ", \"data\": true" : ", \"data\": false";
  if (profile_.map_shows_compressed) {
    out +=
        entry.compressed ? ", \"compressed\": true" : ", \"compressed\": false";
  }
  if (entry.has_offset) {
    out += ", \"offset\": ";
    AppendNumber(out, entry.offset);
  }
  out += '}';
}

void MapText::End(std::string& out) const {
  if (json_)
    out += "]\n";
}

void MapText::BreakOff(std::string& out) const {
  if (json_ && !first_)
    out += ",\n";
}

std::string_view UnmappedText() {
  return "File contains external, encrypted or compressed clusters.";
}

}  // namespace instar::compat
