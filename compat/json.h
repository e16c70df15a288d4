// JSON in exactly the layout that qemu-img prints: four blanks a level, one
// member a line, empty lists broken over two lines, members in the order in
// which they were added.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace instar::compat {

// A quoted JSON string for arbitrary bytes. Control characters and everything
// beyond ASCII become \uXXXX (two of them beyond the basic plane); bytes that
// are not UTF-8 become \uFFFD each.
std::string JsonQuote(std::string_view bytes);

class Json {
 public:
  enum class Kind : uint8_t { kBool, kNumber, kString, kList, kObject };

  static Json Bool(bool value);
  static Json Number(int64_t value);
  static Json Unsigned(uint64_t value);
  static Json String(std::string_view bytes);
  static Json List();
  static Json Object();

  Kind kind() const { return kind_; }
  bool is_composite() const {
    return kind_ == Kind::kList || kind_ == Kind::kObject;
  }
  // Of a scalar: "true", digits, or a string's bytes as they are.
  const std::string& text() const { return text_; }
  // Of a list (names are empty) or an object.
  const std::vector<std::pair<std::string, Json>>& members() const {
    return members_;
  }

  // Appends to an object. Returns *this.
  Json& Add(std::string_view name, Json value);
  // Appends to a list.
  void Append(Json value);

  // Without a newline at the end.
  std::string Print() const;

 private:
  explicit Json(Kind kind, std::string text = {})
      : kind_(kind), text_(std::move(text)) {}
  void PrintTo(std::string& out, size_t level) const;

  Kind kind_;
  std::string text_;
  std::vector<std::pair<std::string, Json>> members_;
};

}  // namespace instar::compat
