#include "lib/format/luks/algorithms.h"

namespace instar::luks {
namespace {

struct Cipher {
  const char* name;
  uint32_t key_bytes;
  const char* shown;
  const char* family;  // as qemu-img says it; null: none that ESSIV can use
};

constinit const Cipher kCiphers[] = {
    {"aes", 16, "aes-128", "AES"},
    {"aes", 24, "aes-192", "AES"},
    {"aes", 32, "aes-256", "AES"},
    {"cast5", 16, "cast5-128", nullptr},
    {"serpent", 16, "serpent-128", "Serpent"},
    {"serpent", 24, "serpent-192", "Serpent"},
    {"serpent", 32, "serpent-256", "Serpent"},
    {"twofish", 16, "twofish-128", "Twofish"},
    {"twofish", 24, "twofish-192", "Twofish"},
    {"twofish", 32, "twofish-256", "Twofish"},
};

struct Hash {
  const char* name;
  uint32_t digest_bytes;
};

constinit const Hash kHashes[] = {
    {"md5", 16},    {"sha1", 20},   {"sha224", 28},    {"sha256", 32},
    {"sha384", 48}, {"sha512", 64}, {"ripemd160", 20},
};

constinit const char* const kModes[] = {"ecb", "cbc", "xts", "ctr"};
constinit const char* const kIvGenerators[] = {"plain", "plain64", "essiv"};

Error Unknown(Fault fault, ByteView name, uint64_t value = 0) {
  return {.fault = fault,
          .value = value,
          .text = name.data(),
          .text_bytes = static_cast<uint32_t>(name.size())};
}

bool Is(ByteView name, const char* known) {
  return name.Equals(ByteView::OfString(known));
}

Result<const Hash*> FindHash(ByteView name) {
  for (const Hash& hash : kHashes) {
    if (Is(name, hash.name)) {
      return &hash;
    }
  }
  return Unknown(Fault::kLuksHash, name);
}

Result<const Cipher*> FindCipher(ByteView name, uint32_t key_bytes) {
  for (const Cipher& cipher : kCiphers) {
    if (Is(name, cipher.name) && cipher.key_bytes == key_bytes) {
      return &cipher;
    }
  }
  return Unknown(Fault::kLuksCipher, name, key_bytes);
}

template <uint64_t N>
Result<ByteView> FindName(const char* const (&known)[N], ByteView name,
                          Fault fault) {
  for (const char* candidate : known) {
    if (Is(name, candidate)) {
      return ByteView::OfString(candidate);
    }
  }
  return Unknown(fault, name);
}

// What follows the first `separator` in `bytes`; false: there is none.
bool SplitAt(ByteView& bytes, uint8_t separator, ByteView& rest) {
  const ByteView head = Before(bytes, separator);
  if (head.size() == bytes.size()) {
    return false;
  }
  const uint64_t start = head.size() + 1;
  rest = bytes.Slice(start, bytes.size() - start).value();
  bytes = head;
  return true;
}

// ESSIV encrypts with a key as long as the hash's digest.
Status CheckEssiv(const Cipher& cipher, const Hash& hash) {
  if (hash.digest_bytes == cipher.key_bytes) {
    return {};
  }
  if (cipher.family == nullptr) {
    return Unknown(Fault::kLuksEssivCipher, ByteView::OfString(cipher.shown));
  }
  if (FindCipher(ByteView::OfString(cipher.name), hash.digest_bytes).ok()) {
    return {};
  }
  return Unknown(Fault::kLuksEssivKey, ByteView::OfString(cipher.family),
                 hash.digest_bytes);
}

}  // namespace

ByteView Before(ByteView bytes, uint8_t end) {
  for (uint64_t i = 0; i < bytes.size(); ++i) {
    const auto byte = bytes.At<U8>(i);
    if (byte.ok() && byte.value() == end) {
      return bytes.Prefix(i);
    }
  }
  return bytes;
}

Status FindAlgorithms(const Names& names, LuksFacts& facts) {
  ByteView mode = names.mode;
  ByteView ivgen;
  ByteView ivgen_hash;
  if (!SplitAt(mode, '-', ivgen)) {
    return Unknown(Fault::kLuksModeFormat, names.mode);
  }
  const Hash* essiv_hash = nullptr;
  if (SplitAt(ivgen, ':', ivgen_hash)) {
    essiv_hash = TRY(FindHash(ivgen_hash));
  }
  facts.cipher_mode = TRY(FindName(kModes, mode, Fault::kLuksMode));
  const bool is_xts = Is(mode, "xts");
  const Cipher* cipher =
      TRY(FindCipher(names.cipher, names.key_bytes / (is_xts ? 2 : 1)));
  facts.cipher = ByteView::OfString(cipher->shown);
  const Hash* hash = TRY(FindHash(names.hash));
  facts.hash = ByteView::OfString(hash->name);
  facts.ivgen_algorithm =
      TRY(FindName(kIvGenerators, ivgen, Fault::kLuksIvgen));
  if (!Is(ivgen, "essiv")) {
    return {};  // a hash, where one is named, is not used
  }
  if (essiv_hash == nullptr) {
    return Error{.fault = Fault::kLuksIvgenHashMissing};
  }
  facts.ivgen_hash = ByteView::OfString(essiv_hash->name);
  return CheckEssiv(*cipher, *essiv_hash);
}

}  // namespace instar::luks
