#include "compat/json_reader.h"

namespace instar::compat {
namespace {

constexpr int kMaxDepth = 32;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  FlatJson Read() {
    SkipBlanks();
    if (Peek() != '{' && !AtEnd()) {
      Fail(FlatJson::Fault::kNoObject);
    } else if (ReadObject("", 0)) {
      SkipBlanks();
      if (!AtEnd())
        Fail(FlatJson::Fault::kMalformed);
    }
    return std::move(out_);
  }

 private:
  bool AtEnd() const { return at_ == text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }

  void SkipBlanks() {
    while (!AtEnd() && std::string_view(" \t\r\n").find(text_[at_]) !=
                           std::string_view::npos)
      ++at_;
  }

  bool Fail(FlatJson::Fault fault) {
    out_.fault = AtEnd() ? FlatJson::Fault::kUnfinished : fault;
    out_.position = at_;
    return false;
  }

  bool Expect(char c) {
    SkipBlanks();
    if (Peek() != c)
      return Fail(FlatJson::Fault::kMalformed);
    ++at_;
    return true;
  }

  bool ReadObject(const std::string& prefix, int depth) {
    if (depth > kMaxDepth)
      return Fail(FlatJson::Fault::kMalformed);
    if (!Expect('{'))
      return false;
    SkipBlanks();
    if (Peek() == '}') {
      ++at_;
      return true;
    }
    for (;;) {
      std::string name;
      SkipBlanks();
      if (!ReadString(name) || !Expect(':') || !ReadValue(prefix + name, depth))
        return false;
      SkipBlanks();
      if (Peek() != ',')
        return Expect('}');
      ++at_;
    }
  }

  // Objects hold objects, to kMaxDepth.
  bool ReadValue(const std::string& name, int depth) {
    SkipBlanks();
    if (Peek() == '{')
      return ReadObject(name + '.', depth + 1);
    std::string value;
    if (Peek() == '"') {
      if (!ReadString(value))
        return false;
    } else {
      const size_t end = text_.find_first_of(",} \t\r\n", at_);
      value = text_.substr(at_, end - at_);
      if (value.empty() || end == std::string_view::npos) {
        at_ = end == std::string_view::npos ? text_.size() : at_;
        return Fail(FlatJson::Fault::kMalformed);
      }
      if (value == "true" || value == "false")
        value = value == "true" ? "on" : "off";
      else if (value.find_first_not_of("+-.0123456789eE") != std::string::npos)
        return Fail(FlatJson::Fault::kMalformed);
      at_ = end;
    }
    out_.members.emplace_back(name, value);
    return true;
  }

  bool ReadString(std::string& out) {
    if (Peek() != '"')
      return Fail(FlatJson::Fault::kMalformed);
    ++at_;
    while (!AtEnd() && text_[at_] != '"') {
      if (text_[at_] == '\\') {
        ++at_;
        constexpr std::string_view kLetters = "\"\\/bfnrt";
        constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
        const size_t which = kLetters.find(Peek());
        if (AtEnd() || which == std::string_view::npos)
          return Fail(FlatJson::Fault::kMalformed);
        out += kMeanings[which];
      } else {
        out += text_[at_];
      }
      ++at_;
    }
    if (AtEnd())
      return Fail(FlatJson::Fault::kUnfinished);
    ++at_;
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  FlatJson out_;
};

}  // namespace

FlatJson ReadJson(std::string_view text) {
  return Reader(text).Read();
}

}  // namespace instar::compat
