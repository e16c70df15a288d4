// libdeflate unpacks nearly every cluster. What it refuses goes to zlib, whose
// verdict is the one that callers know: a stream need not end, or be whole,
// once the output is full.
#include "lib/codec/inflate.h"

#include <libdeflate.h>
#include <zlib.h>

#include "lib/codec/libdeflate_memory.h"

namespace instar::codec {
namespace {

// zlib's state (7 KiB) and its window (32 KiB), which it allocates when the
// output is full before the stream ends.
constexpr uint64_t kZlibMemoryBytes = 48 * 1024;

// A raw stream with distances up to 32 KiB, RFC 1951.
constexpr int kRawWindowBits = -15;
// A zlib stream with a window of up to 32 KiB, RFC 1950.
constexpr int kZlibWindowBits = 15;

constexpr uint64_t kMaxBytes = 0x7fff'ffff;  // zlib's counts are 32 bits wide

voidpf AllocateFrom(voidpf opaque, uInt items, uInt size) {
  auto* arena = static_cast<Arena*>(opaque);
  auto bytes = arena->Allocate(uint64_t{items} * size);
  return bytes.ok() ? bytes.value().data() : nullptr;
}

void FreeNothing(voidpf /*opaque*/, voidpf /*address*/) {}

// What zlib says of `packed`; whether `out` is full goes to `full`.
int RunZlib(MutableBytes memory, int window_bits, ByteView packed,
            MutableBytes out, bool& full) {
  Arena arena(memory);
  z_stream stream = {};
  stream.zalloc = &AllocateFrom;
  stream.zfree = &FreeNothing;
  stream.opaque = &arena;
  if (inflateInit2_(&stream, window_bits, ZLIB_VERSION,
                    static_cast<int>(sizeof stream)) != Z_OK) {
    return Z_MEM_ERROR;
  }
  // zlib does not write to its input.
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int outcome = inflate(&stream, Z_FINISH);
  full = stream.avail_out == 0;
  return outcome;
}

// A zlib stream as nearly all are, RFC 1950: two bytes, deflate, a checksum.
// (libdeflate's own function for it brings four more Adler-32 along.)
bool InflateZlibFast(InflateState& state, ByteView packed, MutableBytes out) {
  constexpr uint64_t kHeadBytes = 2;
  constexpr uint32_t kPresetDictionary = 0x20;
  const auto head = packed.At<Be16>(0);
  if (!head.ok() || head.value() % 31 != 0 || (head.value() >> 8 & 15) != 8 ||
      head.value() >> 12 > 7 || (head.value() & kPresetDictionary) != 0) {
    return false;
  }
  const ByteView stream =
      packed.Slice(kHeadBytes, packed.size() - kHeadBytes).value();
  size_t consumed = 0;
  size_t written = 0;
  const auto outcome = libdeflate_deflate_decompress_ex(
      state.decompressor, stream.data(), stream.size(), out.data(), out.size(),
      &consumed, &written);
  if (outcome != LIBDEFLATE_SUCCESS || written != out.size()) {
    return false;
  }
  const auto sum = stream.At<Be32>(consumed);
  return sum.ok() && sum.value() == adler32_z(1, out.data(), out.size());
}

}  // namespace

Result<InflateState*> CreateInflate(Arena& arena) {
  auto* state = TRY(arena.New<InflateState>());
  state->zlib_memory = TRY(arena.Allocate(kZlibMemoryBytes, 64));
  const LibdeflateMemory memory(arena);
  state->decompressor = libdeflate_alloc_decompressor();
  if (state->decompressor == nullptr) {
    return Error{.fault = Fault::kNoMemory};
  }
  return state;
}

Status Inflate(InflateState& state, ByteView packed, MutableBytes out) {
  const Error failure = {.fault = Fault::kCompressedData};
  if (packed.size() > kMaxBytes || out.size() > kMaxBytes) {
    return failure;
  }
  size_t consumed = 0;
  size_t written = 0;
  const auto outcome = libdeflate_deflate_decompress_ex(
      state.decompressor, packed.data(), packed.size(), out.data(), out.size(),
      &consumed, &written);
  if (outcome == LIBDEFLATE_SUCCESS) {
    return written == out.size() ? Status() : Status(failure);
  }
  bool full = false;
  const int verdict =
      RunZlib(state.zlib_memory, kRawWindowBits, packed, out, full);
  return full && (verdict == Z_STREAM_END || verdict == Z_BUF_ERROR)
             ? Status()
             : Status(failure);
}

Status InflateZlib(InflateState& state, ByteView packed, MutableBytes out,
                   bool may_go_on) {
  const Error failure = {.fault = Fault::kCompressedData};
  if (packed.size() > kMaxBytes || out.size() > kMaxBytes) {
    return failure;
  }
  if (InflateZlibFast(state, packed, out)) {
    return {};
  }
  bool full = false;
  const int verdict =
      RunZlib(state.zlib_memory, kZlibWindowBits, packed, out, full);
  return full && (verdict == Z_STREAM_END ||
                  (may_go_on && verdict == Z_BUF_ERROR))
             ? Status()
             : Status(failure);
}

}  // namespace instar::codec

// zlib's checksum of gzip streams, which nobody unpacks here. Because this file
// defines it, the linker does not take zlib's own with its tables, 12 KiB.
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
extern "C" uLong crc32(uLong, const Bytef*, uInt) {
  instar::Panic("a gzip stream");
}
