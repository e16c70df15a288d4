// The format is that of bzip2 1.0, which has no specification but its source;
// names are those of Joe Tsai's "BZIP2: Format Specification".
#include "lib/codec/bunzip2.h"

#include <array>
#include <cstdint>
#include <span>

#include "lib/base/checked.h"

namespace instar::codec {
namespace {

constexpr uint64_t kStreamMagic = 0x425a68;  // "BZh", then a digit
constexpr uint64_t kBlockMagic = 0x314159265359;
constexpr uint64_t kEndMagic = 0x177245385090;
constexpr uint32_t kLevelBytes = 100'000;  // of a block, per level
constexpr uint32_t kMaxBlockBytes = 9 * kLevelBytes;

constexpr uint32_t kMaxTrees = 6;
constexpr uint32_t kMinTrees = 2;
constexpr uint32_t kMaxSymbols = 258;
constexpr uint32_t kMaxCodeBits = 20;
constexpr uint32_t kGroupSymbols = 50;  // that one tree decodes
// More are allowed in the stream, and never used.
constexpr uint32_t kMaxSelectors = 2 + kMaxBlockBytes / kGroupSymbols;

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  constexpr uint32_t kPolynomial = 0x04c11db7;
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i << 24;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc << 1) ^ ((crc >> 31) != 0 ? kPolynomial : 0);
    }
    table[i] = crc;
  }
  return table;
}
constinit const std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

// Bits from the highest of each byte on. Behind the end all are zero.
class BitReader {
 public:
  explicit BitReader(ByteView bytes) : bytes_(bytes) {}

  bool overrun() const { return overrun_; }

  // REQUIRES: count <= 48.
  uint64_t Bits(uint32_t count) {
    while (num_bits_ < count) {
      uint64_t byte = 0;
      if (position_ < bytes_.size()) {
        byte = bytes_.data()[position_];
        ++position_;
      } else {
        overrun_ = true;
      }
      buffer_ = buffer_ << 8 | byte;
      num_bits_ += 8;
    }
    num_bits_ -= count;
    return buffer_ >> num_bits_ & ((uint64_t{1} << count) - 1);
  }
  uint32_t Short(uint32_t count) { return static_cast<uint32_t>(Bits(count)); }
  bool Bit() { return Bits(1) != 0; }

 private:
  ByteView bytes_;
  uint64_t position_ = 0;
  uint64_t buffer_ = 0;
  uint32_t num_bits_ = 0;  // of buffer_, not yet read
  bool overrun_ = false;
};

// A canonical prefix code.
struct Tree {
  std::array<uint16_t, kMaxCodeBits + 1> count{};  // codes of each length
  std::array<uint16_t, kMaxSymbols> symbols{};     // in the order of codes
};

constexpr uint32_t kNoSymbol = ~uint32_t{0};

uint32_t ReadSymbol(BitReader& in, const Tree& tree) {
  uint32_t code = 0;
  uint32_t first = 0;  // code of this length
  uint32_t index = 0;  // of its symbol
  for (uint32_t bits = 1; bits <= kMaxCodeBits; ++bits) {
    code |= in.Short(1);
    const uint32_t count = tree.count[bits];
    if (code < first + count) {
      return code < first ? kNoSymbol : tree.symbols[index + code - first];
    }
    index += count;
    first = (first + count) << 1;
    code <<= 1;
  }
  return kNoSymbol;
}

// A list from which a value moves to the front when it is used.
class Recency {
 public:
  std::array<uint8_t, 256>& values() { return values_; }
  uint8_t Use(uint32_t index) {
    const uint8_t value = values_[index];
    __builtin_memmove(&values_[1], &values_[0], index);
    values_[0] = value;
    return value;
  }

 private:
  std::array<uint8_t, 256> values_{};
};

}  // namespace

struct Bunzip2State {
  std::array<Tree, kMaxTrees> trees;
  std::array<uint8_t, kMaxSelectors> selectors;
  std::span<uint32_t> links;  // kMaxBlockBytes of them
};

namespace {

class Decoder {
 public:
  Decoder(Bunzip2State& state, ByteView packed, MutableBytes out)
      : state_(&state), in_(packed), out_(out) {}

  // Whether the stream is whole and fills the output.
  bool Run();

 private:
  bool Block();
  bool ReadSymbolMap();
  bool ReadSelectors();
  bool ReadTree(Tree& tree);
  bool ReadLinks();
  bool AppendRun(uint32_t length, uint8_t byte);
  bool Expand(uint32_t start);
  bool Put(uint8_t byte);

  Bunzip2State* state_;
  BitReader in_;
  MutableBytes out_;
  uint64_t written_ = 0;
  uint32_t block_limit_ = 0;  // bytes
  // Of the block at hand.
  Recency bytes_;
  uint32_t num_symbols_ = 0;
  uint32_t num_trees_ = 0;
  uint32_t num_selectors_ = 0;
  uint32_t length_ = 0;
  uint32_t crc_ = 0;
};

bool Decoder::Run() {
  if (in_.Bits(24) != kStreamMagic) {
    return false;
  }
  const uint32_t level = in_.Short(8) - '0';
  if (level < 1 || level > 9) {
    return false;
  }
  block_limit_ = level * kLevelBytes;
  uint32_t stream_crc = 0;
  // Each block takes some bytes of the input.
  while (!in_.overrun()) {
    const uint64_t magic = in_.Bits(48);
    const uint32_t crc = in_.Short(32);
    if (magic == kEndMagic) {
      return crc == stream_crc && written_ == out_.size() && !in_.overrun();
    }
    if (magic != kBlockMagic || !Block() || crc_ != crc) {
      return false;
    }
    stream_crc = (stream_crc << 1 | stream_crc >> 31) ^ crc;
  }
  return false;
}

bool Decoder::Block() {
  // Only bzip2 before 0.9.5 ever scrambled blocks.
  const bool randomised = in_.Bit();
  const uint32_t start = in_.Short(24);
  if (randomised || !ReadSymbolMap() || !ReadSelectors()) {
    return false;
  }
  for (uint32_t i = 0; i < num_trees_; ++i) {
    if (!ReadTree(state_->trees[i])) {
      return false;
    }
  }
  return ReadLinks() && start < length_ && Expand(start);
}

bool Decoder::ReadSymbolMap() {
  const uint32_t groups = in_.Short(16);
  uint32_t used = 0;
  for (uint32_t group = 0; group < 16; ++group) {
    if ((groups << group & 0x8000) == 0) {
      continue;
    }
    const uint32_t members = in_.Short(16);
    for (uint32_t i = 0; i < 16; ++i) {
      if ((members << i & 0x8000) != 0) {
        bytes_.values()[used] = static_cast<uint8_t>(group * 16 + i);
        ++used;
      }
    }
  }
  num_symbols_ = used + 2;  // two for runs, one for the end, none for byte 0
  return used != 0;
}

bool Decoder::ReadSelectors() {
  num_trees_ = in_.Short(3);
  const uint32_t stored = in_.Short(15);
  if (num_trees_ < kMinTrees || num_trees_ > kMaxTrees || stored == 0) {
    return false;
  }
  Recency trees;
  for (uint32_t i = 0; i < kMaxTrees; ++i) {
    trees.values()[i] = static_cast<uint8_t>(i);
  }
  num_selectors_ = stored < kMaxSelectors ? stored : kMaxSelectors;
  for (uint32_t i = 0; i < stored; ++i) {
    uint32_t index = 0;
    while (in_.Bit()) {
      ++index;
      if (index >= num_trees_) {
        return false;
      }
    }
    const uint8_t tree = trees.Use(index);
    if (i < kMaxSelectors) {
      state_->selectors[i] = tree;
    }
  }
  return !in_.overrun();
}

bool Decoder::ReadTree(Tree& tree) {
  std::array<uint8_t, kMaxSymbols> lengths{};
  tree.count.fill(0);
  uint32_t length = in_.Short(5);
  for (uint32_t symbol = 0; symbol < num_symbols_; ++symbol) {
    // Ends with the input, behind which all bits are zero.
    while (length >= 1 && length <= kMaxCodeBits && in_.Bit()) {
      length += in_.Bit() ? ~uint32_t{0} : 1;
    }
    if (length < 1 || length > kMaxCodeBits) {
      return false;
    }
    lengths[symbol] = static_cast<uint8_t>(length);
    ++tree.count[length];
  }
  uint32_t next = 0;
  for (uint32_t bits = 1; bits <= kMaxCodeBits; ++bits) {
    for (uint32_t symbol = 0; symbol < num_symbols_; ++symbol) {
      if (lengths[symbol] == bits) {
        tree.symbols[next] = static_cast<uint16_t>(symbol);
        ++next;
      }
    }
  }
  return !in_.overrun();
}

bool Decoder::AppendRun(uint32_t length, uint8_t byte) {
  if (length > block_limit_ - length_) {
    return false;
  }
  for (uint32_t i = 0; i < length; ++i) {
    state_->links[length_ + i] = byte;
  }
  length_ += length;
  return true;
}

// Reads the block's bytes, still sorted, into the low bytes of the links.
bool Decoder::ReadLinks() {
  const uint32_t end_symbol = num_symbols_ - 1;
  length_ = 0;
  uint32_t run = 0;
  uint32_t run_digit = 1;  // of the run's length, a number to the base 2
  for (uint32_t group = 0; group < num_selectors_; ++group) {
    const Tree& tree = state_->trees[state_->selectors[group]];
    for (uint32_t i = 0; i < kGroupSymbols; ++i) {
      const uint32_t symbol = ReadSymbol(in_, tree);
      if (symbol > end_symbol || in_.overrun()) {
        return false;
      }
      if (symbol < 2) {
        run += run_digit << symbol;
        run_digit <<= 1;
        if (run_digit > 2 * kMaxBlockBytes) {
          return false;
        }
        continue;
      }
      if (run != 0 && !AppendRun(run, bytes_.values()[0])) {
        return false;
      }
      run = 0;
      run_digit = 1;
      if (symbol == end_symbol) {
        return true;
      }
      if (!AppendRun(1, bytes_.Use(symbol - 1))) {
        return false;
      }
    }
  }
  return false;
}

bool Decoder::Put(uint8_t byte) {
  if (written_ == out_.size()) {
    return false;
  }
  out_.data()[written_] = byte;
  ++written_;
  crc_ = crc_ << 8 ^ kCrcTable[crc_ >> 24 ^ byte];
  return true;
}

// Undoes the sorting (Burrows and Wheeler's), then the runs.
bool Decoder::Expand(uint32_t start) {
  const std::span<uint32_t> links = state_->links;
  std::array<uint32_t, 256> place{};
  for (uint32_t i = 0; i < length_; ++i) {
    ++place[links[i] & 0xff];
  }
  uint32_t sum = 0;
  for (uint32_t& first : place) {
    const uint32_t count = first;
    first = sum;
    sum += count;
  }
  for (uint32_t i = 0; i < length_; ++i) {
    uint32_t& next = place[links[i] & 0xff];
    links[next] |= i << 8;
    ++next;
  }
  constexpr uint32_t kRun = 4;  // equal bytes; the next one tells how many more
  crc_ = ~uint32_t{0};
  uint32_t at = links[start] >> 8;
  uint32_t equal = 0;
  uint8_t last = 0;
  for (uint32_t i = 0; i < length_; ++i) {
    const auto byte = static_cast<uint8_t>(links[at] & 0xff);
    at = links[at] >> 8;
    const bool is_count = equal == kRun;
    const uint32_t copies = is_count ? byte : 1;
    equal = is_count ? 0 : byte == last && equal != 0 ? equal + 1 : 1;
    last = is_count ? last : byte;
    for (uint32_t copy = 0; copy < copies; ++copy) {
      if (!Put(last)) {
        return false;
      }
    }
  }
  crc_ = ~crc_;
  return true;
}

}  // namespace

Result<Bunzip2State*> CreateBunzip2(Arena& arena) {
  auto* state = TRY(arena.New<Bunzip2State>());
  // Not filled: untouched memory costs nothing.
  const MutableBytes links =
      TRY(arena.Allocate(kMaxBlockBytes * sizeof(uint32_t), 64));
  state->links = {reinterpret_cast<uint32_t*>(links.data()), kMaxBlockBytes};
  return state;
}

Status Bunzip2(Bunzip2State& state, ByteView packed, MutableBytes out) {
  return Decoder(state, packed, out).Run()
             ? Status()
             : Status(Error{.fault = Fault::kCompressedData});
}

}  // namespace instar::codec
