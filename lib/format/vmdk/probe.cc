#include "lib/format/vmdk/probe.h"

#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

constexpr int kSure = 100;

bool Is(ByteView text, uint64_t at, uint8_t wanted) {
  const auto byte = text.At<U8>(at);
  return byte.ok() && byte.value() == wanted;
}

// Where the text goes on behind a comment or a line of blanks that begins at
// `at`; `at` itself: there is no such line. An empty line is none either.
uint64_t SkipLine(ByteView text, uint64_t at) {
  uint64_t end = at;
  if (Is(text, at, '#')) {
    while (end < text.size() && !Is(text, end, '\n')) {
      ++end;
    }
    return end + 1;
  }
  while (Is(text, end, ' ')) {
    ++end;
  }
  if (end == at) {
    return at;
  }
  end += Is(text, end, '\r') ? 1U : 0U;
  return Is(text, end, '\n') ? end + 1 : at;
}

bool IsVersionLine(ByteView text, uint64_t at) {
  const ByteView key = ByteView::Of("version=");
  const auto start = text.Slice(at, key.size());
  if (!start.ok() || !start.value().Equals(key)) {
    return false;
  }
  const uint64_t digit = at + key.size();
  if (!Is(text, digit, '1') && !Is(text, digit, '2') && !Is(text, digit, '3')) {
    return false;
  }
  return Is(text, digit + 1, '\n') ||
         (Is(text, digit + 1, '\r') && Is(text, digit + 2, '\n'));
}

}  // namespace

int ProbeVmdk(ByteView head, ByteView /*filename*/) {
  const auto magic = head.At<Be32>(0);
  if (magic.ok() &&
      (magic.value() == kSparseMagic || magic.value() == kCowdMagic)) {
    return kSure;
  }
  uint64_t at = 0;
  for (uint64_t next = SkipLine(head, at); next != at && at < head.size();
       next = SkipLine(head, at)) {
    at = next;
  }
  return IsVersionLine(head, at) ? kSure : 0;
}

}  // namespace instar::vmdk
