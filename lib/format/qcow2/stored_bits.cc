#include "lib/format/qcow2/stored_bits.h"

#include <bit>

#include "lib/base/checked.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kOnes = 1;  // of BitReader::loaded_; no cluster begins there

uint64_t WordOf(ByteView words, uint64_t index) {
  return words.At<Le64>(index * kWordBytes).value();
}

void OrWord(MutableBytes words, uint64_t index, uint64_t bits) {
  const uint64_t old = WordOf(words.view(), index);
  words.Put<Le64>(index * kWordBytes, old | bits).value();
}

// The bits [from, to) of a word, 0 <= from < to <= 64.
uint64_t MaskOf(uint64_t from, uint64_t to) {
  const uint64_t below =
      to == kBitsPerWord ? ~uint64_t{0} : (uint64_t{1} << to) - 1;
  return below & ~((uint64_t{1} << from) - 1);
}

// Sets the bits [from, to), counted from the start of `words`.
void SetBits(MutableBytes words, uint64_t from, uint64_t to) {
  for (uint64_t at = from; at < to;) {
    const uint64_t word = at / kBitsPerWord;
    const uint64_t end = Min(to, (word + 1) * kBitsPerWord);
    OrWord(words, word, MaskOf(at % kBitsPerWord, end - word * kBitsPerWord));
    at = end;
  }
}

}  // namespace

Status BitReader::Init(Arena& arena, File& file, BlockCache& tables,
                       uint64_t cluster_bytes) {
  file_ = &file;
  tables_ = &tables;
  bytes_ = TRY(arena.Allocate(cluster_bytes));
  return {};
}

Result<ByteView> BitReader::Cluster(uint64_t entry_offset) {
  const uint64_t entry = TRY(tables_->At<Be64>(entry_offset));
  const uint64_t offset = entry & kBitmapTableOffsetMask;
  if (offset % bytes_.size() != 0) {
    return Error{.fault = Fault::kQcow2CorruptEntry, .value = entry};
  }
  if (offset == 0 && (entry & kBitmapTableAllOnes) == 0) {
    return ByteView();
  }
  const uint64_t wanted = offset == 0 ? kOnes : offset;
  if (loaded_ == wanted) {
    return bytes_.view();
  }
  loaded_ = 0;
  if (wanted == kOnes) {
    bytes_.Fill(0xff);
  } else {
    TRY(file_->ReadAt(offset, bytes_));
  }
  loaded_ = wanted;
  return bytes_.view();
}

Status BitSource::Merge(const BitmapShape& into, uint64_t first_word,
                        MutableBytes out) const {
  return into.granularity_bits == shape.granularity_bits
             ? MergeWords(first_word, out)
             : MergeRanges(into, first_word, out);
}

// As they stand, what lies behind the disk's end too: qemu-img keeps it.
Status BitSource::MergeWords(uint64_t first_word, MutableBytes out) const {
  const uint64_t per_cluster = reader->cluster_bytes() / kWordBytes;
  const uint64_t count = out.size() / kWordBytes;
  for (uint64_t done = 0; done < count;) {
    const uint64_t word = first_word + done;
    const uint64_t cluster = word / per_cluster;
    const uint64_t in_cluster = word % per_cluster;
    const uint64_t piece = Min(count - done, per_cluster - in_cluster);
    if (cluster >= table_entries) {
      return {};
    }
    const ByteView bytes =
        TRY(reader->Cluster(table_offset + cluster * Be64::kSize));
    for (uint64_t i = 0; i < piece && !bytes.empty(); ++i) {
      OrWord(out, done + i, WordOf(bytes, in_cluster + i));
    }
    done += piece;
  }
  return {};
}

// Bit by bit, each of which covers a part of a bit of `into` or several.
Status BitSource::MergeRanges(const BitmapShape& into, uint64_t first_word,
                              MutableBytes out) const {
  const uint64_t per_cluster = reader->cluster_bytes() * 8;
  const uint64_t first_bit = first_word * kBitsPerWord;
  const uint64_t end_bit =
      Min(into.bits(), first_bit + out.size() / kWordBytes * kBitsPerWord);
  const uint64_t disk_bytes = Min(into.disk_bytes, shape.disk_bytes);
  const uint64_t start = first_bit << into.granularity_bits;
  // The last bit may reach behind the end of a disk of nearly 2^63 bytes.
  const uint64_t end = end_bit == into.bits()
                           ? disk_bytes
                           : Min(disk_bytes, end_bit << into.granularity_bits);
  if (start >= end) {
    return {};
  }
  const uint64_t last = (end - 1) >> shape.granularity_bits;
  for (uint64_t bit = start >> shape.granularity_bits; bit <= last;) {
    const uint64_t cluster = bit / per_cluster;
    if (cluster >= table_entries) {
      return {};
    }
    const ByteView bytes =
        TRY(reader->Cluster(table_offset + cluster * Be64::kSize));
    if (bytes.empty()) {
      bit = (cluster + 1) * per_cluster;
      continue;
    }
    const uint64_t shift = bit % kBitsPerWord;
    const uint64_t rest =
        WordOf(bytes, bit % per_cluster / kBitsPerWord) >> shift;
    if (rest == 0) {
      bit += kBitsPerWord - shift;
      continue;
    }
    bit += static_cast<uint64_t>(std::countr_zero(rest));
    if (bit > last) {
      return {};
    }
    const uint64_t from = Max(start, bit << shape.granularity_bits);
    const uint64_t to =
        bit == last ? end : Min(end, (bit + 1) << shape.granularity_bits);
    SetBits(out, (from >> into.granularity_bits) - first_bit,
            ((to - 1) >> into.granularity_bits) + 1 - first_bit);
    ++bit;
  }
  return {};
}

void SetWritten(const BitmapShape& shape, const WrittenRuns& runs,
                uint64_t first_word, MutableBytes out) {
  const uint64_t first_bit = first_word * kBitsPerWord;
  const uint64_t end_bit =
      Min(shape.bits(), first_bit + out.size() / kWordBytes * kBitsPerWord);
  const uint64_t start = first_bit << shape.granularity_bits;
  for (uint64_t i = runs.FirstBehind(start); i < runs.runs().size(); ++i) {
    const WrittenRun& run = runs.runs()[i];
    const uint64_t from = Max(first_bit, run.offset >> shape.granularity_bits);
    const uint64_t to =
        Min(end_bit, ((run.end - 1) >> shape.granularity_bits) + 1);
    if (from >= end_bit) {
      return;
    }
    SetBits(out, from - first_bit, to - first_bit);
  }
}

void ClearBehindEnd(const BitmapShape& shape, uint64_t first_word,
                    MutableBytes words) {
  const uint64_t bits = shape.bits();
  for (uint64_t i = 0; i < words.size() / kWordBytes; ++i) {
    const uint64_t first = (first_word + i) * kBitsPerWord;
    const uint64_t valid = first < bits ? Min(bits - first, kBitsPerWord) : 0;
    const uint64_t kept = valid == 0 ? 0 : MaskOf(0, valid);
    const uint64_t word = WordOf(words.view(), i) & kept;
    words.Put<Le64>(i * kWordBytes, word).value();
  }
}

bool HasBits(const BitmapShape& shape, uint64_t first_word, ByteView words) {
  const uint64_t count = words.size() / kWordBytes;
  const uint64_t bits = shape.bits();
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t first = (first_word + i) * kBitsPerWord;
    if (first >= bits) {
      return false;
    }
    const uint64_t valid = Min(bits - first, kBitsPerWord);
    if ((WordOf(words, i) & MaskOf(0, valid)) != 0) {
      return true;
    }
  }
  return false;
}

}  // namespace instar::qcow2
