#include "compat/amend_options.h"

#include <vector>

namespace instar::compat {
namespace {

using enum OptionType;

// proto/guest.options
constexpr size_t kMaxLevelBytes = 256;
constexpr size_t kMaxNameBytes = 4096;

constexpr CreateOption kQcow2[] = {
    {"encrypt.state", kString, nullptr, "New state of the key slots"},
    {"encrypt.keyslot", kNumber, nullptr, "The one key slot to change"},
    {"encrypt.old-secret", kString, nullptr,
     "Change the key slots with this passphrase"},
    {"encrypt.new-secret", kString, nullptr,
     "New passphrase of the key slots; empty: none"},
    {"encrypt.iter-time", kNumber, nullptr,
     "Milliseconds to spend on key derivation"},
    {"size", kSize, nullptr, "Size of the virtual disk"},
    {"compat", kString, nullptr, "Version, v2 [0.10] or v3 [1.1]"},
    {"backing_file", kString, nullptr, "Name of the backing file"},
    {"backing_fmt", kString, nullptr, "Format of the backing file"},
    {"data_file", kString, nullptr, "Name of an external data file"},
    {"data_file_raw", kBool, nullptr,
     "The external data file stays readable as raw"},
    {"lazy_refcounts", kBool, nullptr, "Refcounts may lag behind"},
    {"refcount_bits", kNumber, nullptr, "Width of a refcount in bits"},
};

constexpr CreateOption kLuks[] = {
    {"state", kString, nullptr, "New state of the key slots"},
    {"keyslot", kNumber, nullptr, "The one key slot to change"},
    {"old-secret", kString, nullptr,
     "Change the key slots with this passphrase"},
    {"new-secret", kString, nullptr,
     "New passphrase of the key slots; empty: none"},
    {"iter-time", kNumber, nullptr, "Milliseconds to spend on key derivation"},
};

constexpr FormatRow kFormats[] = {
    {"qcow2", true, true, kQcow2},
    {"luks", true, false, kLuks},
};

}  // namespace

const FormatRow* FindAmendable(std::string_view format) {
  for (const FormatRow& row : kFormats) {
    if (row.name == format)
      return &row;
  }
  return nullptr;
}

std::string NotAmendableText(std::string_view format) {
  return "Format driver '" + std::string(format) +
         "' does not support option amendment";
}

std::string AmendOptionsHelp(const FormatRow& format, const Profile& profile) {
  return "Amend options for '" + std::string(format.name) + "':\n" +
         OptionLines(format, profile, false);
}

std::string CreationHint(const FormatRow& format, std::string_view list,
                         const Profile& profile) {
  const FormatRow* creation = FindFormat(format.name);
  std::vector<CreateOption> both(format.options.begin(), format.options.end());
  if (creation != nullptr) {
    for (const CreateOption& option : creation->options) {
      if (!option.of_protocol)
        both.push_back(option);
    }
  }
  const FormatRow row = {format.name, true, true, both};
  if (CreateOptions(row, profile).Parse(list))
    return {};
  return "\nThis option is only supported for image creation";
}

void ReadAmendOptions(const CreateOptions& options, const Profile& profile,
                      proto::AmendConfig& request) {
  request.set_may_change_backing(!profile.amend_keeps_backing);
  request.set_may_drop_zstd(profile.amend_drops_zstd);
  request.set_size(options.Number("size").value_or(0));
  for (const char* name :
       {"encrypt.state", "encrypt.keyslot", "encrypt.old-secret",
        "encrypt.new-secret", "encrypt.iter-time"}) {
    if (options.Text(name))
      request.set_encryption(true);
  }
  if (const auto compat = options.Text("compat"))
    request.set_compat(compat->substr(0, kMaxLevelBytes));
  if (const auto bits = options.Number("refcount_bits"))
    request.set_refcount_bits(*bits);
  if (const auto lazy = options.Bool("lazy_refcounts"))
    request.set_lazy_refcounts(*lazy);
  if (const auto name = options.Text("data_file"))
    request.set_data_file(name->substr(0, kMaxNameBytes));
  if (const auto raw = options.Bool("data_file_raw"))
    request.set_data_file_raw(*raw);
  if (const auto name = options.Text("backing_file"))
    request.set_backing_file(name->substr(0, kMaxNameBytes));
  if (const auto name = options.Text("backing_fmt"))
    request.set_backing_format(name->substr(0, kMaxLevelBytes));
}

}  // namespace instar::compat
