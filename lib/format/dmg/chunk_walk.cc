#include "lib/format/dmg/chunk_walk.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/dmg/layout.h"

namespace instar::dmg {
namespace {

// Characters of base64 that make three bytes.
constexpr uint64_t kGroup = 4;
constexpr uint32_t kNoDigit = 64;

Error Broken() {
  return {.fault = Fault::kErrno, .error = kEinval};
}

// RFC 4648, table 1. '=' counts as a digit, as glib has it.
uint32_t Base64Digit(uint8_t character) {
  if (character >= 'A' && character <= 'Z') {
    return uint32_t{character} - 'A';
  }
  if (character >= 'a' && character <= 'z') {
    return uint32_t{character} - 'a' + 26;
  }
  if (character >= '0' && character <= '9') {
    return uint32_t{character} - '0' + 52;
  }
  switch (character) {
    case '+':
      return 62;
    case '/':
      return 63;
    case '=':
      return 0;
    default:
      return kNoDigit;
  }
}

// What can be had of [at, end) in one view.
Result<ByteView> ViewFrom(BlockCache& cache, uint64_t at, uint64_t end) {
  constexpr uint64_t kBlock = BlockCache::kMinBlockBytes;
  return cache.View(at, Min(end - at, kBlock - at % kBlock));
}

bool IsKnown(uint32_t type) {
  return type == kChunkZero || type == kChunkRaw || type == kChunkIgnored ||
         type == kChunkZlib || type == kChunkBzip2;
}

}  // namespace

Result<bool> ChunkWalk::Next(BlockCache& cache, Chunk& chunk) {
  using L = ChunkLayout;
  // Each round reads a chunk or moves on to a later table: a bounded number of
  // bytes goes by.
  for (;;) {
    if (!in_table_) {
      const bool found = TRY(NextTable(cache));
      if (!found) {
        return false;
      }
    }
    uint8_t bytes[L::kSize];
    in_table_ = TRY(Read(cache, MutableBytes(bytes, sizeof bytes)));
    if (!in_table_) {
      continue;
    }
    const FixedView<L::kSize> raw(bytes);
    if (!IsKnown(raw.Get<L::kType>())) {
      continue;
    }
    // As qemu's sums wrap, so do these.
    chunk = {.type = raw.Get<L::kType>(),
             .sector = raw.Get<L::kSector>() + first_sector_,
             .num_sectors = raw.Get<L::kNumSectors>(),
             .offset = raw.Get<L::kOffset>() + data_offset_,
             .bytes = raw.Get<L::kBytes>()};
    return true;
  }
}

// Goes to the first chunk of the next partition's table; other resources are
// passed over. False: there is none.
Result<bool> ChunkWalk::NextTable(BlockCache& cache) {
  using L = TableLayout;
  while (next_ < end_) {
    consumed_ = 0;
    if (is_xml_) {
      const bool found = TRY(NextElement(cache));
      if (!found) {
        return false;
      }
    } else {
      TRY(NextResource(cache));
    }
    uint8_t bytes[L::kSize];
    const bool whole = TRY(Read(cache, MutableBytes(bytes, sizeof bytes)));
    const FixedView<L::kSize> raw(bytes);
    if (whole && raw.Get<L::kMagic>() == kTableMagic) {
      first_sector_ = raw.Get<L::kFirstSector>();
      data_offset_ = raw.Get<L::kDataOffset>() + data_fork_;
      in_table_ = true;
      return true;
    }
  }
  return false;
}

Status ChunkWalk::NextResource(BlockCache& cache) {
  uint8_t bytes[Be32::kSize];
  TRY(cache.Copy(next_, MutableBytes(bytes, sizeof bytes)));
  const uint64_t length = FixedView<sizeof bytes>(bytes).Get<Be32{0}>();
  if (length == 0 || length > end_ - next_) {
    return Broken();
  }
  table_at_ = next_ + sizeof bytes;
  table_end_ = table_at_ + length;
  next_ = table_end_;
  return {};
}

Result<bool> ChunkWalk::NextElement(BlockCache& cache) {
  const ByteView begin_tag = ByteView::Of("<data>");
  uint64_t at = next_;
  const bool found = TRY(FindTag(cache, begin_tag, at));
  if (!found) {
    next_ = end_;
    return false;
  }
  table_at_ = at + begin_tag.size();
  at = table_at_;
  const bool closed = TRY(FindTag(cache, ByteView::Of("</data>"), at));
  if (!closed) {
    return Broken();
  }
  table_end_ = at;
  next_ = at + 1;
  return true;
}

// The first `tag` from `at` on, before any zero byte. False: there is none.
Result<bool> ChunkWalk::FindTag(BlockCache& cache, ByteView tag,
                                uint64_t& at) const {
  while (at < end_ && tag.size() <= end_ - at) {
    const ByteView view = TRY(ViewFrom(cache, at, end_));
    uint64_t skipped = 0;
    uint8_t byte = 1;
    for (; skipped < view.size(); ++skipped) {
      byte = TRY(view.At<U8>(skipped));
      if (byte == 0 || byte == '<') {
        break;
      }
    }
    at += skipped;
    if (byte == 0) {
      return false;
    }
    if (skipped == view.size() || tag.size() > end_ - at) {
      continue;
    }
    uint8_t bytes[8];
    const MutableBytes candidate(bytes, tag.size());
    TRY(cache.Copy(at, candidate));
    if (candidate.view().Equals(tag)) {
      return true;
    }
    ++at;
  }
  return false;
}

// The next bytes of the table. False: it ends before they are complete.
Result<bool> ChunkWalk::Read(BlockCache& cache, MutableBytes out) {
  if (is_xml_) {
    return ReadBase64(cache, out);
  }
  if (out.size() > table_end_ - table_at_) {
    return false;
  }
  TRY(cache.Copy(table_at_, out));
  table_at_ += out.size();
  return true;
}

Result<bool> ChunkWalk::ReadBase64(BlockCache& cache, MutableBytes out) {
  uint64_t filled = 0;
  uint64_t at = table_at_;
  uint32_t bits = 0;
  uint64_t num_digits = 0;
  uint64_t num_bytes = 3;  // in the group at hand; padding makes it fewer
  uint8_t third = 0;
  while (at < table_end_) {
    const ByteView view = TRY(ViewFrom(cache, at, table_end_));
    for (uint64_t i = 0; i < view.size(); ++i, ++at) {
      const uint8_t character = TRY(view.At<U8>(i));
      const uint32_t digit = Base64Digit(character);
      if (digit == kNoDigit) {
        continue;
      }
      bits = bits << 6 | digit;
      ++num_digits;
      if (num_digits < kGroup) {
        third = character;
        continue;
      }
      num_bytes = 1U + (third != '=' ? 1U : 0U) + (character != '=' ? 1U : 0U);
      while (consumed_ < num_bytes && filled < out.size()) {
        const auto shift = static_cast<uint32_t>(16 - 8 * consumed_);
        TRY(out.Put<U8>(filled, static_cast<uint8_t>(bits >> shift)));
        ++consumed_;
        ++filled;
      }
      if (consumed_ < num_bytes) {
        return true;  // the rest of the group is for the next call
      }
      consumed_ = 0;
      num_digits = 0;
      table_at_ = at + 1;
      if (filled == out.size()) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace instar::dmg
