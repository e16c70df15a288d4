#include <algorithm>
#include <string>
#include <string_view>

#include "lib/format/dmg/layout.h"
#include "tests/support/seeds/seeds.h"

namespace instar::fakes {
namespace {

using Bytes = std::vector<uint8_t>;

template <typename F>
void Append(Bytes& out, typename F::Value value) {
  out.resize(out.size() + F::kSize);
  F::Encode(out.data() + out.size() - F::kSize, value);
}

void Append(Bytes& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

std::string Base64(const Bytes& bytes) {
  constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (uint64_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (uint64_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? bytes[i + k] : 0U);
    }
    for (uint64_t k = 0; k < 4; ++k) {
      const bool pads = i + k > bytes.size();
      out += pads ? '=' : kDigits[group >> (18 - 6 * k) & 63];
    }
  }
  return out;
}

// One partition from sector `first` on: a packed, a raw and an empty chunk.
Bytes Table(uint64_t first) {
  Bytes out;
  Append<Be32>(out, dmg::kTableMagic);
  Append<Be32>(out, 1);
  Append<Be64>(out, first);
  out.resize(dmg::TableLayout::kSize);
  const auto chunk = [&out](uint32_t type, uint64_t sector, uint64_t sectors,
                            uint64_t offset, uint64_t bytes) {
    Append<Be32>(out, type);
    Append<Be32>(out, 0);
    Append<Be64>(out, sector);
    Append<Be64>(out, sectors);
    Append<Be64>(out, offset);
    Append<Be64>(out, bytes);
  };
  chunk(dmg::kChunkZlib, 0, 4, 0, 60);
  chunk(0x7ffffffe, 4, 0, 0, 0);  // a comment
  chunk(dmg::kChunkRaw, 4, 1, 60, 512);
  chunk(dmg::kChunkZero, 5, 3, 0, 0);
  return out;
}

// `table` at the start, so that it lies in what is changed, then the data and
// the trailer.
Bytes WithTrailer(const Bytes& table, bool is_xml) {
  using L = dmg::TrailerLayout;
  Bytes out = table;
  const uint64_t data = out.size();
  out.resize(data + 572, 0x78);
  const uint64_t trailer = out.size();
  out.resize(trailer + L::kSize);
  const auto put = [&out, trailer](auto field, auto value) {
    decltype(field)::Encode(out.data() + trailer + field.offset, value);
  };
  Be32::Encode(out.data() + trailer, dmg::kTrailerMagic);
  put(L::kDataForkOffset, data);
  put(is_xml ? L::kXmlOffset : L::kResourceOffset, uint64_t{0});
  put(is_xml ? L::kXmlBytes : L::kResourceBytes, uint64_t{table.size()});
  put(L::kNumSectors, uint64_t{16});
  return out;
}

Bytes Resources() {
  const Bytes tables[] = {Table(0), Table(8)};
  Bytes body;
  for (const Bytes& table : tables) {
    Append<Be32>(body, static_cast<uint32_t>(table.size()));
    body.insert(body.end(), table.begin(), table.end());
  }
  Bytes out;
  Append<Be32>(out, dmg::ResourceLayout::kSize);
  Append<Be32>(out, 0);
  Append<Be32>(out, static_cast<uint32_t>(body.size()));
  Append<Be32>(out, 0);
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

Bytes Xml() {
  Bytes out;
  Append(out, "<dict>");
  for (const uint64_t first : {uint64_t{0}, uint64_t{8}}) {
    Append(out, "<data>\n " + Base64(Table(first)) + "\n</data>");
  }
  Append(out, "</dict>");
  return out;
}

}  // namespace

std::vector<Seed> DmgSeeds() {
  const Bytes xml = WithTrailer(Xml(), true);
  const Bytes resources = WithTrailer(Resources(), false);
  return {{"dmg_xml", "dmg", xml, xml.size()},
          {"dmg_resources", "dmg", resources, resources.size()}};
}

}  // namespace instar::fakes
