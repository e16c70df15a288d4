#include "lib/format/vmdk/descriptor.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

constexpr int kEnd = -1;

int ByteAt(ByteView text, uint64_t at) {
  const auto byte = text.At<U8>(at);
  return byte.ok() ? byte.value() : kEnd;
}

bool IsSpace(int byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

// The digit's value, or 16 where it is none.
uint64_t DigitOf(int byte) {
  if (byte >= '0' && byte <= '9') {
    return static_cast<uint64_t>(byte - '0');
  }
  const int lower = byte | 0x20;
  return lower >= 'a' && lower <= 'f' ? static_cast<uint64_t>(lower - 'a' + 10)
                                      : 16;
}

// Takes words off a text, each after any white space.
class Words {
 public:
  Words(ByteView text, uint64_t at) : text_(text), at_(at) {}

  uint64_t at() const { return at_; }

  void SkipSpace() {
    while (IsSpace(ByteAt(text_, at_))) {
      ++at_;
    }
  }

  // A word's first kMaxWordBytes; empty at the end.
  ByteView Word() {
    SkipSpace();
    const uint64_t start = at_;
    while (at_ - start < kMaxWordBytes && at_ < text_.size() &&
           !IsSpace(ByteAt(text_, at_))) {
      ++at_;
    }
    return text_.Slice(start, at_ - start).value();
  }

  // False: there is no number. One that is too large becomes the largest.
  bool Number(int64_t& value) {
    SkipSpace();
    const bool negative = TakeSign();
    constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
    uint64_t magnitude = 0;
    const uint64_t start = at_;
    for (; DigitOf(ByteAt(text_, at_)) < 10; ++at_) {
      const uint64_t digit = DigitOf(ByteAt(text_, at_));
      magnitude =
          magnitude > (kMax - digit) / 10 ? kMax : magnitude * 10 + digit;
    }
    value = static_cast<int64_t>(magnitude);
    value = negative ? -value : value;
    return at_ != start;
  }

  bool Hexadecimal(uint32_t& value) {
    SkipSpace();
    const bool negative = TakeSign();
    const uint64_t before = at_;
    if (ByteAt(text_, at_) == '0' && (ByteAt(text_, at_ + 1) | 0x20) == 'x') {
      at_ += 2;
    }
    uint64_t number = 0;
    bool overflown = false;
    for (; DigitOf(ByteAt(text_, at_)) < 16; ++at_) {
      overflown = overflown || number >> 60 != 0;
      number = number << 4 | DigitOf(ByteAt(text_, at_));
    }
    number = negative ? ~number + 1 : number;
    value = static_cast<uint32_t>(overflown ? ~uint64_t{0} : number);
    return at_ != before;
  }

  // The bytes between quotes, none of them a line's end. A missing second
  // quote is no error. Empty: there is no such thing.
  ByteView Quoted() {
    SkipSpace();
    if (ByteAt(text_, at_) != '"') {
      return {};
    }
    const uint64_t start = at_ + 1;
    uint64_t end = start;
    while (end - start < kMaxExtentNameBytes && end < text_.size() &&
           ByteAt(text_, end) != '"' && ByteAt(text_, end) != '\n' &&
           ByteAt(text_, end) != '\r') {
      ++end;
    }
    is_closed_ = ByteAt(text_, end) == '"';
    at_ = end + (is_closed_ ? 1 : 0);
    return text_.Slice(start, end - start).value();
  }
  bool is_closed() const { return is_closed_; }

 private:
  bool TakeSign() {
    const int sign = ByteAt(text_, at_);
    at_ += sign == '-' || sign == '+' ? 1 : 0;
    return sign == '-';
  }

  ByteView text_;
  uint64_t at_;
  bool is_closed_ = false;
};

ExtentLine ParseLine(Words& words) {
  ExtentLine line;
  line.access = words.Word();
  if (line.access.empty()) {
    return line;
  }
  line.num_words = 1;
  if (!words.Number(line.sectors)) {
    return line;
  }
  line.num_words = 2;
  line.type = words.Word();
  if (line.type.empty()) {
    return line;
  }
  line.num_words = 3;
  line.name = words.Quoted();
  if (line.name.empty()) {
    return line;
  }
  line.num_words = 4;
  if (words.is_closed() && words.Number(line.offset)) {
    line.num_words = 5;
  } else {
    line.offset = -1;
  }
  return line;
}

// Where `wanted` begins first in `text`; the text's size: nowhere.
uint64_t Find(ByteView text, ByteView wanted) {
  for (uint64_t at = 0; at < text.size(); ++at) {
    const auto piece = text.Slice(at, wanted.size());
    if (piece.ok() && piece.value().Equals(wanted)) {
      return at;
    }
  }
  return text.size();
}

// Where the line at `at` ends: at its newline or at the text's end.
uint64_t LineEnd(ByteView text, uint64_t at) {
  while (at < text.size() && ByteAt(text, at) != '\n') {
    ++at;
  }
  return at;
}

}  // namespace

Result<ByteView> ReadText(BlockCache& cache, Arena& arena, uint64_t offset,
                          uint64_t limit) {
  TRY(CheckedAdd(offset, limit));
  constexpr uint64_t kStep = kSectorBytes;
  uint64_t length = 0;
  bool ended = false;
  while (!ended && length < limit) {
    const ByteView piece =
        TRY(cache.View(offset + length, Min(kStep, limit - length)));
    const uint64_t text = Find(piece, ByteView::Of("\0"));
    ended = text < piece.size();
    length += text;
  }
  const MutableBytes text = TRY(arena.Allocate(length, 1));
  TRY(cache.Copy(offset, text));
  return text.view();
}

QuotedValue FindQuoted(ByteView text, ByteView key) {
  QuotedValue found;
  const uint64_t at = Find(text, key);
  found.has_key = at < text.size();
  const uint64_t start = at + key.size() + 2;
  if (!found.has_key || start > text.size()) {
    return found;
  }
  const ByteView rest = text.Slice(start, text.size() - start).value();
  const uint64_t end = Find(rest, ByteView::Of("\""));
  found.complete = end < rest.size();
  found.value = rest.Prefix(end);
  return found;
}

Result<uint32_t> FindHexadecimal(ByteView text, ByteView key) {
  const Error invalid = {.fault = Fault::kVmdkOpen, .error = kEinval};
  const uint64_t at = Find(text, key);
  if (at == text.size()) {
    return invalid;
  }
  Words words(text, at + key.size() + 1);
  uint32_t value = 0;
  if (!words.Hexadecimal(value)) {
    return invalid;
  }
  return value;
}

bool ExtentLines::Next(ExtentLine& line) {
  if (at_ >= text_.size()) {
    return false;
  }
  if (at_ >= parsed_until_) {
    Words words(text_, at_);
    words.SkipSpace();
    parsed_until_ = words.at() + 1;
    parsed_ = ParseLine(words);
  }
  line = parsed_;
  const uint64_t end = LineEnd(text_, at_);
  line.line = text_.Slice(at_, end - at_).value();
  at_ = end + 1;
  return true;
}

}  // namespace instar::vmdk
