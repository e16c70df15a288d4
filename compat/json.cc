#include "compat/json.h"

#include <cstdio>

namespace instar::compat {
namespace {

constexpr uint32_t kReplacement = 0xfffd;

struct Decoded {
  uint32_t code;
  size_t length;  // bytes, at least 1
};

// The character at the front of `bytes`, which are not empty; what is not
// well-formed UTF-8 is skipped as the decoder of qemu-img skips it.
Decoded DecodeUtf8(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t first = at(0);
  if (first < 0x80)
    return {first, 1};
  if (first < 0xc0 || first >= 0xfe)
    return {kReplacement, 1};
  size_t length = 2;
  while (length < 6 && (first & (0x80 >> length)) != 0)
    ++length;
  uint32_t code = first & (0x7fU >> length);
  for (size_t i = 1; i < length; ++i) {
    if (i >= bytes.size() || (at(i) & 0xc0) != 0x80)
      return {kReplacement, i};
    code = code << 6 | (at(i) & 0x3fU);
  }
  constexpr uint32_t kSmallest[] = {0,       0,        0x80,     0x800,
                                    0x10000, 0x200000, 0x4000000};
  const bool is_noncharacter =
      (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kSmallest[length] || code > 0x10ffff || is_noncharacter ||
      is_surrogate) {
    return {kReplacement, length};
  }
  return {code, length};
}

void AppendEscape(std::string& out, uint32_t unit) {
  char text[8];
  snprintf(text, sizeof text, "\\u%04X", unit);
  out += text;
}

}  // namespace

std::string JsonQuote(std::string_view bytes) {
  std::string out = "\"";
  while (!bytes.empty()) {
    const Decoded decoded = DecodeUtf8(bytes);
    bytes.remove_prefix(decoded.length);
    switch (decoded.code) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (decoded.code >= 0x20 && decoded.code < 0x7f) {
          out += static_cast<char>(decoded.code);
        } else if (decoded.code > 0xffff) {
          const uint32_t above = decoded.code - 0x10000;
          AppendEscape(out, 0xd800 | above >> 10);
          AppendEscape(out, 0xdc00 | (above & 0x3ff));
        } else {
          AppendEscape(out, decoded.code);
        }
    }
  }
  out += '"';
  return out;
}

Json Json::Bool(bool value) {
  return Json(Kind::kBool, value ? "true" : "false");
}

Json Json::Number(int64_t value) {
  return Json(Kind::kNumber, std::to_string(value));
}

Json Json::Unsigned(uint64_t value) {
  return Json(Kind::kNumber, std::to_string(value));
}

Json Json::String(std::string_view bytes) {
  return Json(Kind::kString, std::string(bytes));
}

Json Json::List() {
  return Json(Kind::kList);
}

Json Json::Object() {
  return Json(Kind::kObject);
}

Json& Json::Add(std::string_view name, Json value) {
  members_.emplace_back(name, std::move(value));
  return *this;
}

void Json::Append(Json value) {
  members_.emplace_back(std::string(), std::move(value));
}

std::string Json::Print() const {
  std::string out;
  PrintTo(out, 0);
  return out;
}

// Recursion follows values that this program built, which are a few levels
// deep.
void Json::PrintTo(std::string& out, size_t level) const {
  if (!is_composite()) {
    out += kind_ == Kind::kString ? JsonQuote(text_) : text_;
    return;
  }
  const bool is_object = kind_ == Kind::kObject;
  out += is_object ? '{' : '[';
  bool first = true;
  for (const auto& [name, value] : members_) {
    out += first ? "\n" : ",\n";
    first = false;
    out.append((level + 1) * 4, ' ');
    if (is_object)
      out += JsonQuote(name) + ": ";
    value.PrintTo(out, level + 1);
  }
  out += '\n';
  out.append(level * 4, ' ');
  out += is_object ? '}' : ']';
}

}  // namespace instar::compat
