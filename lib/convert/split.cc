#include "lib/convert/split.h"

#include "lib/base/checked.h"

namespace instar::convert {
namespace {

using Vector [[gnu::vector_size(16), gnu::aligned(1), gnu::may_alias]] =
    long long;

ByteView SectorAt(ByteView buffer, uint64_t index) {
  auto sector = buffer.Slice(index * kSectorBytes, kSectorBytes);
  return sector.value();
}

ByteView SkipSectors(ByteView buffer, uint64_t count) {
  auto rest =
      buffer.Slice(count * kSectorBytes, buffer.size() - count * kSectorBytes);
  return rest.value();
}

// The run of sectors of one kind at the start of `buffer`, its end moved to
// the alignment: a data run grows, a zero run shrinks. A zero run that ends
// before the first boundary counts as data.
Piece FirstRun(ByteView buffer, uint64_t sector, const SplitRule& rule) {
  const uint64_t total = buffer.size() / kSectorBytes;
  bool data = !IsZero(SectorAt(buffer, 0));
  uint64_t count = 1;
  while (count < total && IsZero(SectorAt(buffer, count)) != data) {
    ++count;
  }
  if (count == total && !rule.cut_uniform_tail) {
    return {.num_sectors = total, .data = data};
  }
  const uint64_t past = (sector + count) & (rule.alignment_sectors - 1);
  if (past != 0) {
    if (!data && count <= past) {
      data = true;
    }
    count = data ? count + rule.alignment_sectors - past : count - past;
  }
  return {.num_sectors = Min(count, total), .data = data};
}

}  // namespace

SplitRule RuleFor(uint64_t sparse_sectors, bool cut_uniform_tail) {
  SplitRule rule = {.sparse_sectors = sparse_sectors,
                    .alignment_sectors = 1,
                    .cut_uniform_tail = cut_uniform_tail};
  while (rule.alignment_sectors * 2 <= sparse_sectors) {
    rule.alignment_sectors *= 2;
  }
  return rule;
}

bool IsZero(ByteView bytes) {
  const uint8_t* at = bytes.data();
  uint64_t left = bytes.size();
  for (; left >= 64; left -= 64, at += 64) {
    const auto* v = reinterpret_cast<const Vector*>(at);
    const Vector any = (v[0] | v[1]) | (v[2] | v[3]);
    if ((any[0] | any[1]) != 0) {
      return false;
    }
  }
  for (; left != 0; --left, ++at) {
    if (*at != 0) {
      return false;
    }
  }
  return true;
}

Piece FirstPiece(ByteView buffer, uint64_t sector, const SplitRule& rule) {
  const uint64_t total = buffer.size() / kSectorBytes;
  if (rule.sparse_sectors == 0) {
    return {.num_sectors = total, .data = true};
  }
  const uint64_t shortest_hole = Min(rule.sparse_sectors, total);
  Piece piece = FirstRun(buffer, sector, rule);
  if (!piece.data) {
    return piece;
  }
  // Short zero runs are swallowed, unless nothing but they follow.
  uint64_t seen = piece.num_sectors;
  while (seen < total) {
    const Piece run = FirstRun(SkipSectors(buffer, seen), sector + seen, rule);
    seen += run.num_sectors;
    if (run.data) {
      piece.num_sectors = seen;
    } else if (run.num_sectors >= shortest_hole) {
      break;
    }
  }
  return piece;
}

}  // namespace instar::convert
