#include "lib/codec/unpacker.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <vector>

#include "tests/support/test_arena.h"

namespace instar::codec {
namespace {

constexpr uint64_t kClusterBytes = 65536;

using Buffer = std::vector<uint8_t>;

// Repetitive, but never for long.
Buffer Text(uint64_t size) {
  Buffer text(size);
  uint32_t state = 1;
  for (uint64_t i = 0; i < size; ++i) {
    state = state * 1103515245 + 12345;
    text[i] =
        static_cast<uint8_t>('a' + (state >> 16) % (i % 64 < 32 ? 2 : 20));
  }
  return text;
}

Buffer Deflate(const Buffer& plain, int finish = Z_FINISH) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2_(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY,
                          ZLIB_VERSION, static_cast<int>(sizeof stream)),
            Z_OK);
  Buffer packed(plain.size() * 2 + 1000);
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, finish);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

Buffer Pack(const Buffer& plain) {
  Buffer packed(ZSTD_compressBound(plain.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(),
                              plain.size(), 3));
  return packed;
}

Buffer operator+(Buffer a, const Buffer& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Buffer Head(const Buffer& whole, uint64_t size) {
  return Buffer(whole.begin(), whole.begin() + static_cast<int64_t>(size));
}

Buffer Tail(const Buffer& whole, uint64_t start) {
  return Buffer(whole.begin() + static_cast<int64_t>(start), whole.end());
}

ByteView View(const Buffer& bytes) {
  return {bytes.data(), bytes.size()};
}

class UnpackerTest : public ::testing::Test {
 protected:
  UnpackerTest() : unpacker_(*Unpacker::Create(arena_.arena()).value()) {}

  bool Inflates(const Buffer& packed) {
    std::fill(out_.begin(), out_.end(), uint8_t{0});
    const Status status = unpacker_.Inflate(View(packed), out());
    return Verdict(status);
  }
  bool Unzstds(const Buffer& packed) {
    std::fill(out_.begin(), out_.end(), uint8_t{0});
    const Status status = unpacker_.Zstd(View(packed), out());
    return Verdict(status);
  }

  const Buffer cluster_ = Text(kClusterBytes);
  const Buffer garbage_ = Buffer(700, 0xee);

 private:
  MutableBytes out() { return {out_.data(), out_.size()}; }
  bool Verdict(const Status& status) {
    if (status.ok()) {
      EXPECT_EQ(out_, cluster_);
    } else {
      EXPECT_EQ(status.error().fault, Fault::kCompressedData);
    }
    return status.ok();
  }

  fakes::TestArena arena_;
  Unpacker& unpacker_;
  Buffer out_ = Buffer(kClusterBytes);
};

TEST_F(UnpackerTest, InflatesAClusterAndIgnoresWhatFollowsTheStream) {
  EXPECT_TRUE(Inflates(Deflate(cluster_)));
  EXPECT_TRUE(Inflates(Deflate(cluster_) + garbage_));
  EXPECT_TRUE(Inflates(Deflate(cluster_) + Buffer(511, 0)));
}

TEST_F(UnpackerTest, InflatesAStreamThatGoesOnBehindTheCluster) {
  EXPECT_TRUE(Inflates(Deflate(cluster_ + Text(5000))));
}

TEST_F(UnpackerTest, InflatesAStreamWithoutAnEndOnceTheClusterIsFull) {
  EXPECT_TRUE(Inflates(Deflate(cluster_, Z_SYNC_FLUSH)));
}

TEST_F(UnpackerTest, RefusesADeflateStreamThatDoesNotFillTheCluster) {
  EXPECT_FALSE(Inflates(Deflate(Head(cluster_, kClusterBytes - 1))));
  EXPECT_FALSE(Inflates(Deflate(Head(cluster_, 10))));
  EXPECT_FALSE(Inflates({}));
  EXPECT_FALSE(Inflates(Buffer(512, 0)));
}

TEST_F(UnpackerTest, RefusesATruncatedDeflateStream) {
  const Buffer packed = Deflate(cluster_);
  for (uint64_t length = 0; length + 16 < packed.size(); length += 97) {
    EXPECT_FALSE(Inflates(Head(packed, length))) << length;
  }
}

TEST_F(UnpackerTest, SurvivesADamagedDeflateStream) {
  const Buffer packed = Deflate(cluster_);
  for (uint64_t i = 0; i < packed.size(); i += 131) {
    Buffer damaged = packed;
    damaged[i] ^= 0x55;
    Buffer out(kClusterBytes);
    fakes::TestArena arena;
    Unpacker& unpacker = *Unpacker::Create(arena.arena()).value();
    static_cast<void>(
        unpacker.Inflate(View(damaged), MutableBytes(out.data(), out.size()))
            .ok());
  }
}

TEST_F(UnpackerTest, UnpacksAZstdFrameAndIgnoresWhatFollowsIt) {
  EXPECT_TRUE(Unzstds(Pack(cluster_)));
  EXPECT_TRUE(Unzstds(Pack(cluster_) + garbage_));
}

TEST_F(UnpackerTest, UnpacksSeveralZstdFramesThatFillTheClusterTogether) {
  const Buffer both = Pack(Head(cluster_, 30000)) + Pack(Tail(cluster_, 30000));
  EXPECT_TRUE(Unzstds(both));
  EXPECT_TRUE(Unzstds(Pack({}) + both + garbage_));
}

TEST_F(UnpackerTest, RefusesAZstdFrameThatDoesNotEndWithTheCluster) {
  EXPECT_FALSE(Unzstds(Pack(cluster_ + Text(1))));
  EXPECT_FALSE(Unzstds(Pack(Head(cluster_, kClusterBytes - 1))));
  EXPECT_FALSE(Unzstds(Pack(Head(cluster_, 100)) + garbage_));
  EXPECT_FALSE(Unzstds({}));
  EXPECT_FALSE(Unzstds(garbage_));
}

TEST_F(UnpackerTest, RefusesATruncatedZstdFrame) {
  const Buffer packed = Pack(cluster_);
  for (uint64_t length = 0; length < packed.size(); length += 97) {
    EXPECT_FALSE(Unzstds(Head(packed, length))) << length;
  }
}

TEST_F(UnpackerTest, RefusesAZstdStreamWithAWindowAbove128MiB) {
  // RFC 8878, 3.1.1: no content size, a window of 1 << log; two runs of bytes.
  const auto frame = [](uint8_t window_log) {
    const Buffer magic = {0x28, 0xb5,
                          0x2f, 0xfd,
                          0x00, static_cast<uint8_t>((window_log - 10) << 3)};
    const auto run = [](uint32_t length, uint32_t last) {
      const uint32_t word = length << 3 | 2 | last;
      return Buffer{static_cast<uint8_t>(word), static_cast<uint8_t>(word >> 8),
                    static_cast<uint8_t>(word >> 16), 'a'};
    };
    return magic + run(60000, 0) + run(kClusterBytes - 60000, 1);
  };
  fakes::TestArena arena;
  Unpacker& unpacker = *Unpacker::Create(arena.arena()).value();
  Buffer out(kClusterBytes);
  const MutableBytes room(out.data(), out.size());
  EXPECT_TRUE(unpacker.Zstd(View(frame(27)), room).ok());
  EXPECT_FALSE(unpacker.Zstd(View(frame(28)), room).ok());
}

TEST_F(UnpackerTest, RefusesZstdFramesOfBeforeTheFormatWasFrozen) {
  Buffer packed = Pack(cluster_);
  for (uint8_t magic = 0x22; magic <= 0x27; ++magic) {
    packed[0] = magic;
    EXPECT_FALSE(Unzstds(packed));
  }
}

// bzip2 -1 of BzipPlain().
const Buffer kBzipPacked = {
    0x42, 0x5a, 0x68, 0x31, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0x71, 0x0a,
    0x7e, 0x02, 0x00, 0x00, 0xdb, 0x49, 0x81, 0xf0, 0x00, 0x7c, 0x00, 0x3e,
    0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x08, 0x30, 0x00, 0xec, 0xb6, 0x08,
    0x94, 0xf5, 0x21, 0x3d, 0x47, 0xa9, 0x81, 0x12, 0x8d, 0x4c, 0x40, 0xd0,
    0x14, 0xa4, 0x24, 0x6a, 0x3d, 0x43, 0x4f, 0x9a, 0xfb, 0xb2, 0xdb, 0x8c,
    0x63, 0x79, 0x2d, 0xb9, 0x40, 0x4a, 0x23, 0x20, 0xa3, 0x44, 0x64, 0x14,
    0x6a, 0xb3, 0x08, 0x70, 0x86, 0x64, 0xbd, 0xcb, 0xd7, 0xf7, 0xb7, 0x7c,
    0x55, 0x39, 0xde, 0xb3, 0x7a, 0x09, 0xbe, 0xf5, 0x8d, 0xea, 0x83, 0xbc,
    0xc6, 0xb4, 0x21, 0xce, 0xda, 0xde, 0x4b, 0xdc, 0x93, 0x58, 0xa4, 0xcc,
    0x44, 0x4c, 0xea, 0x44, 0x7f, 0xc4, 0x40, 0xb2, 0x13, 0x48, 0xa2, 0x71,
    0x11, 0x12, 0x9f, 0xa4, 0x51, 0xa8, 0xa8, 0xde, 0x42, 0x74, 0x28, 0x9a,
    0x8a, 0x89, 0x88, 0x88, 0x94, 0x79, 0x22, 0x82, 0x59, 0x9e, 0x49, 0x3a,
    0xc5, 0x27, 0x58, 0x49, 0xc7, 0xea, 0xba, 0xc9, 0x0d, 0xe6, 0x33, 0xc5,
    0x27, 0xac, 0xf3, 0x14, 0x99, 0x92, 0x4e, 0x35, 0x98, 0x43, 0x98, 0xad,
    0xbe, 0x59, 0xf0, 0x3f, 0xc5, 0xdc, 0x91, 0x4e, 0x14, 0x24, 0x1c, 0x42,
    0x9f, 0x80, 0x80,
};

Buffer BzipPlain() {
  Buffer plain(3000);
  for (uint64_t i = 0; i < plain.size(); ++i) {
    plain[i] = static_cast<uint8_t>(i / 100 % 5 + (i % 7 != 0 ? 'a' : '0'));
  }
  plain.insert(plain.end(), 1000, 'z');
  return plain;
}

bool Bunzips(const Buffer& packed, const Buffer& plain) {
  fakes::TestArena arena(8 << 20);
  Unpacker& unpacker = *Unpacker::Create(arena.arena()).value();
  Buffer out(plain.size());
  const bool ok =
      unpacker.Bunzip2(View(packed), MutableBytes(out.data(), out.size())).ok();
  return ok && out == plain;
}

TEST(UnpackerBzip2Test, UnpacksAStreamAndIgnoresWhatFollowsIt) {
  EXPECT_TRUE(Bunzips(kBzipPacked, BzipPlain()));
  EXPECT_TRUE(Bunzips(kBzipPacked + Buffer(100, 7), BzipPlain()));
}

TEST(UnpackerBzip2Test, RefusesAStreamThatDoesNotEndWhereTheOutputIsFull) {
  EXPECT_FALSE(Bunzips(kBzipPacked, Head(BzipPlain(), 3999)));
  EXPECT_FALSE(Bunzips(kBzipPacked, BzipPlain() + Buffer(1, 'z')));
  EXPECT_FALSE(Bunzips({}, BzipPlain()));
}

TEST(UnpackerBzip2Test, RefusesATruncatedStream) {
  for (uint64_t length = 0; length < kBzipPacked.size(); ++length) {
    EXPECT_FALSE(Bunzips(Head(kBzipPacked, length), BzipPlain())) << length;
  }
}

TEST(UnpackerBzip2Test, RefusesAStreamWithAnyBitFlipped) {
  for (uint64_t bit = 0; bit < kBzipPacked.size() * 8 - 8; ++bit) {
    Buffer damaged = kBzipPacked;
    damaged[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const bool is_level = bit / 8 == 3;  // blocks of another length will do
    EXPECT_TRUE(is_level || !Bunzips(damaged, BzipPlain())) << bit;
  }
}

Buffer ZlibOf(const Buffer& plain) {
  uLongf size = compressBound(plain.size());
  Buffer packed(size);
  EXPECT_EQ(compress(packed.data(), &size, plain.data(), plain.size()), Z_OK);
  packed.resize(size);
  return packed;
}

bool InflatesZlib(const Buffer& packed, const Buffer& plain) {
  fakes::TestArena arena(8 << 20);
  Unpacker& unpacker = *Unpacker::Create(arena.arena()).value();
  Buffer out(plain.size());
  return unpacker
             .InflateZlib(View(packed), MutableBytes(out.data(), out.size()),
                          false)
             .ok() &&
         out == plain;
}

TEST(UnpackerZlibTest, InflatesAStreamAndIgnoresWhatFollowsIt) {
  const Buffer plain = Text(3000000);
  EXPECT_TRUE(InflatesZlib(ZlibOf(plain), plain));
  EXPECT_TRUE(InflatesZlib(ZlibOf(plain) + Buffer(100, 7), plain));
}

TEST(UnpackerZlibTest, RefusesAStreamThatDoesNotEndWhereTheOutputIsFull) {
  const Buffer plain = Text(3000);
  EXPECT_FALSE(InflatesZlib(ZlibOf(plain), Head(plain, 2999)));
  EXPECT_FALSE(InflatesZlib(ZlibOf(plain), plain + Buffer(1, 'a')));
  EXPECT_FALSE(InflatesZlib({}, plain));
}

TEST(UnpackerZlibTest, RefusesAWrongChecksumAndATruncatedStream) {
  const Buffer plain = Text(3000);
  Buffer packed = ZlibOf(plain);
  for (uint64_t length = 0; length < packed.size(); ++length) {
    EXPECT_FALSE(InflatesZlib(Head(packed, length), plain)) << length;
  }
  packed.back() ^= 1;
  EXPECT_FALSE(InflatesZlib(packed, plain));
}

TEST(UnpackerCreateTest, NeedsMemory) {
  fakes::TestArena arena(16 * 1024);
  const auto unpacker = Unpacker::Create(arena.arena());
  ASSERT_FALSE(unpacker.ok());
  EXPECT_EQ(unpacker.error().fault, Fault::kNoMemory);
}

}  // namespace
}  // namespace instar::codec
