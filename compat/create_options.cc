#include "compat/create_options.h"

#include <algorithm>

#include "compat/numbers.h"

namespace instar::compat {
namespace {

// Where the text of an option stands in the help list.
constexpr size_t kHelpColumn = 24;

const char* TypeName(OptionType type) {
  switch (type) {
    case OptionType::kString:
      return "str";
    case OptionType::kBool:
      return "bool (on/off)";
    case OptionType::kNumber:
      return "num";
    case OptionType::kSize:
      return "size";
  }
  return "";
}

bool IsOneOf(std::string_view text,
             std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// One element of a list.
struct Element {
  std::string_view name;
  bool has_value = false;
  std::string value;  // a doubled comma stands for one
};

// Takes the first element off the list.
Element TakeElement(std::string_view& list) {
  Element element;
  size_t at = std::min(list.find_first_of("=,"), list.size());
  element.name = list.substr(0, at);
  if (at < list.size() && list[at] == '=') {
    element.has_value = true;
    for (++at; at < list.size(); ++at) {
      if (list[at] == ',') {
        if (at + 1 >= list.size() || list[at + 1] != ',')
          break;
        ++at;
      }
      element.value += list[at];
    }
  }
  list.remove_prefix(std::min(at + 1, list.size()));
  return element;
}

std::string DoubleCommas(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ',')
      out += ',';
    out += c;
  }
  return out;
}

}  // namespace

bool IsOptionList(std::string_view text) {
  if (text.empty() || text.front() == ',')
    return false;
  const size_t last = text.find_last_not_of(',');
  return (text.size() - 1 - last) % 2 == 0;
}

bool AsksForHelp(std::string_view list) {
  while (!list.empty()) {
    const Element element = TakeElement(list);
    if (!element.has_value && (element.name == "help" || element.name == "?"))
      return true;
  }
  return false;
}

std::string OptionLines(const FormatRow& format, const Profile& profile,
                        bool with_protocol) {
  std::vector<std::string> lines;
  for (const CreateOption& option : format.options) {
    if (option.of_protocol && !with_protocol)
      continue;
    if (option.needs != nullptr && !(profile.*option.needs))
      continue;
    std::string line =
        std::string("  ") + option.name + "=<" + TypeName(option.type) + ">";
    if (line.size() < kHelpColumn)
      line.resize(kHelpColumn, ' ');
    lines.push_back(line + " - " + option.help + "\n");
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines)
    text += line;
  return text;
}

std::string CreateOptionsHelp(const FormatRow& format, const Profile& profile,
                              bool with_protocol) {
  std::string text =
      with_protocol ? "Supported options:\n"
                    : std::string("Supported ") + format.name + " options:\n";
  text += OptionLines(format, profile, with_protocol);
  if (!with_protocol) {
    text +=
        "\nThe protocol level may support further options.\n"
        "Specify the target filename to include those options.\n";
  }
  return text;
}

CreateOptions::CreateOptions(const FormatRow& format, const Profile& profile)
    : format_(format), profile_(profile), values_(format.options.size()) {}

size_t CreateOptions::IndexOf(std::string_view name) const {
  size_t i = 0;
  for (; i < format_.options.size(); ++i) {
    const CreateOption& option = format_.options[i];
    if (option.needs != nullptr && !(profile_.*option.needs))
      continue;
    if (option.name == name)
      break;
  }
  return i;
}

bool CreateOptions::Knows(std::string_view name) const {
  return IndexOf(name) < values_.size();
}

std::optional<std::string> CreateOptions::Parse(std::string_view list) {
  while (!list.empty()) {
    Element element = TakeElement(list);
    if (!element.has_value) {
      // A flag by itself is on; "no" before it turns it off.
      element.value = "on";
      if (element.name.starts_with("no")) {
        element.name.remove_prefix(2);
        element.value = "off";
      }
    }
    if (auto error = ParseOne(element.name, element.value))
      return error;
  }
  return std::nullopt;
}

std::optional<std::string> CreateOptions::ParseOne(std::string_view name,
                                                   std::string_view text) {
  const std::string quoted = "'" + std::string(name) + "'";
  const size_t index = IndexOf(name);
  if (index >= values_.size())
    return "Invalid parameter " + quoted;
  Value value;
  value.text = text;
  switch (format_.options[index].type) {
    case OptionType::kString:
      break;
    case OptionType::kBool:
      value.flag = IsOneOf(text, {"on", "yes", "true", "y"});
      if (!value.flag && !IsOneOf(text, {"off", "no", "false", "n"}))
        return "Parameter " + quoted + " expects 'on' or 'off'";
      break;
    case OptionType::kNumber: {
      const compat::Number number = ParseCount(text);
      if (number.fault == NumberFault::kMalformed)
        return "Parameter " + quoted + " expects a number";
      if (number.fault == NumberFault::kOutOfRange) {
        return "Value '" + value.text + "' is too large for parameter " +
               quoted;
      }
      value.number = number.value;
      break;
    }
    case OptionType::kSize: {
      const compat::Number number = ParseSize(text, profile_);
      if (number.warns_hex_suffix)
        hex_warnings_.push_back(value.text);
      if (number.fault == NumberFault::kMalformed)
        return SizeTypeError(name);
      if (number.fault == NumberFault::kOutOfRange) {
        return "Value '" + value.text + "' is out of range for parameter " +
               quoted;
      }
      value.number = number.value;
      break;
    }
  }
  values_[index] = value;
  return std::nullopt;
}

void CreateOptions::Set(std::string_view name, std::string_view text) {
  values_.at(IndexOf(name)) = Value{std::string(text)};
}

void CreateOptions::SetNumber(std::string_view name, uint64_t number) {
  values_.at(IndexOf(name)) = Value{std::to_string(number), number};
}

const CreateOptions::Value* CreateOptions::Find(std::string_view name) const {
  const size_t index = IndexOf(name);
  if (index >= values_.size() || !values_[index].has_value())
    return nullptr;
  return &*values_[index];
}

std::optional<std::string> CreateOptions::Text(std::string_view name) const {
  const Value* value = Find(name);
  if (value == nullptr)
    return std::nullopt;
  return value->text;
}

std::optional<uint64_t> CreateOptions::Number(std::string_view name) const {
  const Value* value = Find(name);
  if (value == nullptr)
    return std::nullopt;
  return value->number;
}

std::optional<bool> CreateOptions::Bool(std::string_view name) const {
  const Value* value = Find(name);
  if (value == nullptr)
    return std::nullopt;
  return value->flag;
}

std::string CreateOptions::FormattingLine(std::string_view filename) const {
  std::string line =
      "Formatting '" + std::string(filename) + "', fmt=" + format_.name;
  for (size_t i = 0; i < values_.size(); ++i) {
    const CreateOption& option = format_.options[i];
    std::string shown;
    if (!values_[i].has_value()) {
      if (option.fallback == nullptr)
        continue;
      shown = option.fallback;
    } else if (option.type == OptionType::kSize ||
               option.type == OptionType::kNumber) {
      // qemu-img prints its unsigned numbers as signed ones.
      shown = std::to_string(static_cast<int64_t>(values_[i]->number));
    } else {
      shown = DoubleCommas(values_[i]->text);
    }
    line += std::string(" ") + option.name + "=" + shown;
  }
  return line + "\n";
}

}  // namespace instar::compat
