// The formats that qemu-img knows, and the creation options of those that this
// program makes.
#include <algorithm>
#include <array>

#include "compat/create_options.h"

namespace instar::compat {
namespace {

constexpr OptionType kString = OptionType::kString;
constexpr OptionType kBool = OptionType::kBool;
constexpr OptionType kNumber = OptionType::kNumber;
constexpr OptionType kSize = OptionType::kSize;

// What the file below a format knows, unless the format does.
constexpr CreateOption kFileOptions[] = {
    {"nocow", kBool, nullptr, "No copy-on-write for the file (btrfs only)",
     true},
    {"preallocation", kString, nullptr,
     "How space is set aside (off, falloc or full)", true},
    {"extent_size_hint", kSize, nullptr,
     "Extent size hint of the file; 0: none", true},
};

// A format's own options, and those of the file below it.
template <size_t N>
consteval auto WithFile(const CreateOption (&own)[N]) {
  std::array<CreateOption, N + std::size(kFileOptions)> all = {};
  std::ranges::copy(own, all.begin());
  std::ranges::copy(kFileOptions, all.begin() + N);
  return all;
}

constexpr auto kRawOptions = WithFile({
    {"size", kSize, nullptr, "Size of the virtual disk"},
});

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

constexpr auto kQcowOptions = WithFile({
    {"size", kSize, nullptr, "Size of the virtual disk"},
    {"backing_file", kString, nullptr, "Name of the backing file"},
    {"backing_fmt", kString, nullptr, "Format of the backing file"},
    {"encryption", kBool, nullptr,
     "Old name of encrypt.format=aes; deprecated"},
    {"encrypt.format", kString, nullptr, "Encryption, 'aes'"},
    {"encrypt.key-secret", kString, nullptr,
     "Id of the secret that holds the key"},
});

constexpr auto kVdiOptions = WithFile({
    {"size", kSize, nullptr, "Size of the virtual disk"},
    {"static", kBool, "off", "Room for all of the disk from the start"},
});

constexpr auto kQedOptions = WithFile({
    {"size", kSize, nullptr, "Size of the virtual disk"},
    {"backing_file", kString, nullptr, "Name of the backing file"},
    {"backing_fmt", kString, nullptr, "Format of the backing file"},
    {"cluster_size", kSize, "65536", "Size of a cluster"},
    {"table_size", kSize, nullptr, "Clusters of an L1 or L2 table"},
});

constexpr auto kVpcOptions = WithFile({
    {"size", kSize, nullptr, "Size of the virtual disk"},
    {"subformat", kString, nullptr, "Kind of disk (dynamic or fixed)"},
    {"force_size", kBool, nullptr,
     "Exactly the size that is asked for, whatever the geometry says"},
});

constexpr auto kParallelsOptions = WithFile({
    {"size", kSize, nullptr, "Size of the virtual disk"},
    {"cluster_size", kSize, "1048576", "Size of a cluster"},
});

constexpr auto kVhdxOptions = WithFile({
    {"size", kSize, nullptr, "Size of the virtual disk; at most 64T"},
    {"log_size", kSize, "1048576", "Size of the log; at least 1M"},
    {"block_size", kSize, "0",
     "Size of a block, 1M to 256M; 0: chosen by the size of the disk"},
    {"subformat", kString, nullptr, "Kind of disk (dynamic or fixed)"},
    {"block_state_zero", kBool, nullptr,
     "Blocks that were never written are marked as zero"},
});

constexpr auto kVmdkOptions = WithFile({
    {"size", kSize, nullptr, "Size of the virtual disk"},
    {"adapter_type", kString, nullptr,
     "Adapter of the disk (ide, lsilogic, buslogic or legacyESX)"},
    {"backing_file", kString, nullptr, "Name of the backing file"},
    {"backing_fmt", kString, nullptr,
     "Format of the backing file, which can only be vmdk"},
    {"compat6", kBool, "off", "Hardware version 6"},
    {"hwversion", kString, "undefined", "Hardware version of the disk"},
    {"toolsversion", kString, nullptr, "Version of the guest's VMware tools",
     false, &Profile::vmdk_has_tools_version},
    {"subformat", kString, nullptr,
     "How the disk is kept (monolithicSparse, monolithicFlat, "
     "twoGbMaxExtentSparse, twoGbMaxExtentFlat or streamOptimized)"},
    {"zeroed_grain", kBool, nullptr, "Grains of zeroes take no space"},
});

constexpr FormatRow kFormats[] = {
    {"raw", true, false, kRawOptions},
    {"qcow2", true, true, kQcow2Options},
    {"luks", true, false, {}},  // not made yet
    {"parallels", true, false, kParallelsOptions},
    {"qcow", true, true, kQcowOptions},
    {"qed", true, false, kQedOptions},
    {"vdi", true, false, kVdiOptions},
    {"vhdx", true, false, kVhdxOptions},
    {"vmdk", true, true, kVmdkOptions},
    {"vpc", true, false, kVpcOptions},
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
