// The formats that qemu-img knows, and the creation options of those that this
// program makes.
#include "compat/create_options.h"

namespace instar::compat {
namespace {

constexpr OptionType kString = OptionType::kString;
constexpr OptionType kBool = OptionType::kBool;
constexpr OptionType kNumber = OptionType::kNumber;
constexpr OptionType kSize = OptionType::kSize;

constexpr CreateOption kRawOptions[] = {
    {"size", kSize, nullptr, "Size of the virtual disk"},
    {"nocow", kBool, nullptr, "No copy-on-write for the file (btrfs only)",
     true},
    {"preallocation", kString, nullptr,
     "How space is set aside (off, falloc or full)", true},
    {"extent_size_hint", kSize, nullptr,
     "Extent size hint of the file; 0: none", true},
};

constexpr CreateOption kQcow2Options[] = {
    {"encryption", kBool, nullptr,
     "Old name of encrypt.format=aes; deprecated"},
    {"encrypt.format", kString, nullptr, "Encryption, 'aes' or 'luks'"},
    {"encrypt.key-secret", kString, nullptr,
     "Id of the secret that holds the key or passphrase"},
    {"encrypt.cipher-alg", kString, nullptr, "Cipher algorithm"},
    {"encrypt.cipher-mode", kString, nullptr, "Cipher mode"},
    {"encrypt.ivgen-alg", kString, nullptr, "Generator of the IVs"},
    {"encrypt.ivgen-hash-alg", kString, nullptr,
     "Hash of the generator of the IVs"},
    {"encrypt.hash-alg", kString, nullptr, "Hash algorithm"},
    {"encrypt.iter-time", kNumber, nullptr,
     "Milliseconds to spend on key derivation"},
    {"cluster_size", kSize, "65536", "Size of a cluster"},
    {"extended_l2", kBool, "off", "L2 entries with subclusters"},
    {"preallocation", kString, nullptr,
     "How space is set aside (off, metadata, falloc or full)"},
    {"compression_type", kString, "zlib",
     "Compression of clusters (zlib or zstd)"},
    {"keep_data_file", kBool, nullptr, "Use the external data file as it is",
     false, &Profile::create_has_keep_data_file},
    {"size", kSize, nullptr, "Size of the virtual disk"},
    {"compat", kString, nullptr, "Version, v2 [0.10] or v3 [1.1]"},
    {"backing_file", kString, nullptr, "Name of the backing file"},
    {"backing_fmt", kString, nullptr, "Format of the backing file"},
    {"data_file", kString, nullptr, "Name of an external data file"},
    {"data_file_raw", kBool, nullptr,
     "The external data file stays readable as raw"},
    {"lazy_refcounts", kBool, "off", "Refcounts may lag behind"},
    {"refcount_bits", kNumber, "16", "Width of a refcount in bits"},
    {"nocow", kBool, nullptr, "No copy-on-write for the file (btrfs only)",
     true},
    {"extent_size_hint", kSize, nullptr,
     "Extent size hint of the file; 0: none", true},
};

constexpr FormatRow kFormats[] = {
    {"raw", true, false, kRawOptions},
    {"qcow2", true, true, kQcow2Options},
    // Not made yet.
    {"luks", true, false, {}},
    {"parallels", true, false, {}},
    {"qcow", true, true, {}},
    {"qed", true, false, {}},
    {"vdi", true, false, {}},
    {"vhdx", true, false, {}},
    {"vmdk", true, true, {}},
    {"vpc", true, false, {}},
    {"file", true, false, {}},
    // qemu-img itself makes none of these.
    {"blkdebug", false, false, {}},
    {"blklogwrites", false, false, {}},
    {"blkverify", false, false, {}},
    {"bochs", false, false, {}},
    {"cloop", false, false, {}},
    {"compress", false, false, {}},
    {"copy-on-read", false, false, {}},
    {"dmg", false, false, {}},
    {"host_cdrom", false, false, {}},
    {"host_device", false, false, {}},
    {"nbd", false, false, {}},
    {"null-aio", false, false, {}},
    {"null-co", false, false, {}},
    {"nvme", false, false, {}},
    {"preallocate", false, false, {}},
    {"quorum", false, false, {}},
    {"replication", false, false, {}},
    {"throttle", false, false, {}},
    {"vvfat", false, false, {}},
};

}  // namespace

const FormatRow* FindFormat(std::string_view name) {
  for (const FormatRow& row : kFormats)
    if (row.name == name)
      return &row;
  return nullptr;
}

std::string SupportedFormats() {
  std::string text;
  for (const FormatRow& row : kFormats) {
    if (row.options.empty())
      continue;
    if (!text.empty())
      text += ' ';
    text += row.name;
  }
  return text;
}

}  // namespace instar::compat
