#include "compat/image_opts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "compat/create_options.h"
#include "compat/json.h"
#include "compat/json_reader.h"
#include "compat/numbers.h"
#include "compat/target_options.h"

namespace instar::compat {
namespace {

constexpr std::string_view kJsonPrefix = "json:";
constexpr std::string_view kFilePrefix = "file.";

// What every node takes and what changes nothing for a reader. `is_switch`:
// the value is on or off.
struct IgnoredOption {
  std::string_view name;
  bool is_switch;
};
constexpr IgnoredOption kIgnored[] = {
    {"auto-read-only", true}, {"cache.no-flush", true}, {"discard", false},
    {"detect-zeroes", false}, {"node-name", false},
};
// Of the node below the format.
constexpr IgnoredOption kIgnoredOfFile[] = {
    {"locking", false},
    {"aio", false},
    {"drop-cache", true},
    {"x-check-cache-dropped", true},
};
constexpr std::string_view kIgnoredOfQcow2[] = {
    "lazy-refcounts",         "pass-discard-request", "pass-discard-snapshot",
    "pass-discard-other",     "discard-no-unref",     "overlap-check",
    "overlap-check.template", "cache-size",           "l2-cache-size",
    "l2-cache-entry-size",    "refcount-cache-size",  "cache-clean-interval",
};
// What this program does not carry out.
constexpr std::string_view kUnsupported[] = {
    "backing", "data-file", "encrypt", "key-secret", "header", "pr-manager"};

using Member = std::pair<std::string, std::string>;

std::string Quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

// `name` itself or something within it: "backing.file.filename".
bool IsWithin(std::string_view name, std::string_view whole) {
  return name.starts_with(whole) &&
         (name.size() == whole.size() || name[whole.size()] == '.');
}

std::optional<bool> ReadSwitch(std::string_view value) {
  for (const std::string_view on : {"on", "yes", "true", "y"})
    if (value == on)
      return true;
  for (const std::string_view off : {"off", "no", "false", "n"})
    if (value == off)
      return false;
  return std::nullopt;
}

// "name=value,…" with doubled commas; a first word alone is the file's node, a
// later one a switch.
std::vector<Member> SplitList(std::string_view text, const Names& names,
                              std::string& warnings) {
  std::vector<Member> members;
  bool first = true;
  while (!text.empty()) {
    std::string word;
    while (!text.empty()) {
      if (text.front() == ',') {
        text.remove_prefix(1);
        if (!text.starts_with(','))
          break;
      }
      word += text.front();
      text.remove_prefix(1);
    }
    const size_t equals = word.find('=');
    if (equals != std::string::npos) {
      members.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    } else if (first) {
      members.emplace_back("file", word);
    } else {
      const bool off = word.starts_with("no");
      const std::string name = off ? word.substr(2) : word;
      const std::string value = off ? "off" : "on";
      warnings += WarningLine(
          names, "short-form boolean option " + Quoted(word) + " deprecated");
      warnings.append("Please use ")
          .append(name)
          .append("=")
          .append(value)
          .append(" instead\n");
      members.emplace_back(name, value);
    }
    first = false;
  }
  return members;
}

// Reads members one by one into ImageOptions; the last of a name counts.
class Interpreter {
 public:
  Interpreter(const std::vector<Member>& members, const Names& names,
              const Profile& profile)
      : members_(members), names_(names), profile_(profile) {}

  // False after an error.
  bool Run(ImageOptions& out) {
    out_ = &out;
    format_ = Find("driver") != nullptr ? *Find("driver") : "";
    if (!CheckNodes())
      return false;
    for (const auto& [name, value] : members_) {
      if (!ReadOne(name, value))
        return false;
    }
    SetNames();
    return true;
  }

 private:
  bool Fail(const std::string& words) {
    out_->error = words;
    return false;
  }

  const std::string* Find(std::string_view name) const {
    const std::string* found = nullptr;
    for (const Member& member : members_)
      if (member.first == name)
        found = &member.second;
    return found;
  }

  bool CheckNodes() {
    const bool has_file =
        std::any_of(members_.begin(), members_.end(), [](const Member& member) {
          return member.first.starts_with(kFilePrefix);
        });
    const std::string* reference = Find("file");
    if (reference != nullptr) {
      return Fail(has_file ? "Cannot reference an existing block device with "
                             "additional options or a new filename"
                           : "Cannot find device=" + Quoted(*reference) +
                                 " nor node-name=" + Quoted(*reference));
    }
    if (format_.empty() && !has_file)
      return Fail("Must specify either driver or file");
    if (!format_.empty() && FindFormat(format_) == nullptr)
      return Fail("Unknown driver " + Quoted(format_));
    if (format_ == "file")
      return CheckFile(Find("filename"));
    if (!has_file)
      return Fail("A block device must be specified for \"file\"");
    const std::string* driver = Find("file.driver");
    if (driver != nullptr && *driver != "file") {
      if (FindFormat(*driver) == nullptr)
        return Fail("Unknown driver " + Quoted(*driver));
      return Fail("A block device must be specified for \"file\"");
    }
    return CheckFile(Find("file.filename"));
  }

  bool CheckFile(const std::string* filename) {
    if (filename == nullptr || filename->empty())
      return Fail("The 'file' block driver requires a file name");
    // Not a protocol, whatever it looks like.
    const size_t colon = filename->find_first_of(":/");
    const bool looks_so =
        colon != std::string::npos && (*filename)[colon] == ':';
    out_->path = (looks_so ? "file:" : "") + *filename;
    out_->is_protocol = format_ == "file";
    out_->format = out_->is_protocol ? "raw" : format_;
    return true;
  }

  bool ReadOne(const std::string& name, const std::string& value) {
    if (name == "driver" || name == "file.driver")
      return true;
    const bool of_file = name.starts_with(kFilePrefix) || format_ == "file";
    const std::string own =
        name.starts_with(kFilePrefix) ? name.substr(kFilePrefix.size()) : name;
    if (of_file && own == "filename")
      return true;
    if (own == "cache.direct")
      return ReadFlag(name, value, out_->direct);
    if (own == "force-share")
      return ReadFlag(name, value, out_->force_share);
    if (own == "read-only")
      return ReadFlag(name, value, out_->read_only);
    for (const IgnoredOption& option : kIgnored)
      if (own == option.name)
        return Ignore(option, name, value);
    if (of_file)
      return ReadOfFile(own, value);
    return ReadOfFormat(name, value);
  }

  bool ReadFlag(const std::string& name, const std::string& value, bool& flag) {
    const auto read = ReadSwitch(value);
    if (!read)
      return Fail("Parameter " + Quoted(name) + " expects 'on' or 'off'");
    flag = *read;
    return true;
  }

  bool Ignore(const IgnoredOption& option, const std::string& name,
              const std::string& value) {
    bool ignored = false;
    return !option.is_switch || ReadFlag(name, value, ignored);
  }

  bool ReadOfFile(const std::string& own, const std::string& value) {
    for (const IgnoredOption& option : kIgnoredOfFile)
      if (own == option.name)
        return Ignore(option, own, value);
    if (own == "pr-manager")
      return Fail(Unsupported("Option " + Quoted(own)));
    return Fail("Block protocol 'file' doesn't support the option " +
                Quoted(own));
  }

  bool ReadOfFormat(const std::string& name, const std::string& value) {
    if (format_ == "raw" && name == "offset")
      return ReadSize(name, value, out_->raw_offset);
    if (format_ == "raw" && name == "size")
      return ReadSize(name, value, out_->raw_size.emplace());
    if (format_ == "raw" && IsWithin(name, "backing"))
      return Fail("Driver doesn't support backing files");
    if (format_ == "qcow2" || format_.empty()) {
      for (const std::string_view ignored : kIgnoredOfQcow2)
        if (name == ignored)
          return true;
    }
    for (const std::string_view whole : kUnsupported)
      if (IsWithin(name, whole) && format_ != "raw")
        return Fail(Unsupported("Option " + Quoted(name)));
    if (format_.empty())
      return Fail(Unsupported("Option " + Quoted(name) + " without a driver"));
    return Fail("Block format " + Quoted(format_) +
                " does not support the option " + Quoted(name));
  }

  bool ReadSize(const std::string& name, const std::string& text,
                uint64_t& size) {
    const Number number = ParseSize(text, profile_);
    if (number.warns_hex_suffix)
      out_->warnings += HexSuffixWarning(names_, text);
    if (number.fault == NumberFault::kMalformed) {
      return Fail("Parameter " + Quoted(name) +
                  " expects a non-negative number below 2^64\n"
                  "Optional suffix k, M, G, T, P or E means kilo-, mega-, "
                  "giga-, tera-, peta-\nand exabytes, respectively.");
    }
    if (number.fault == NumberFault::kOutOfRange) {
      return Fail("Value " + Quoted(text) + " is out of range for parameter " +
                  Quoted(name));
    }
    size = number.value;
    return true;
  }

  // A part of a file has no file name of its own.
  void SetNames() {
    if (format_ != "raw" || (!Find("offset") && !Find("size")))
      return;
    const auto quoted = [this](std::string_view name) {
      return JsonQuote(*Find(name));
    };
    std::string& shown = out_->shown_name;
    shown = "json:{";
    if (Find("offset"))
      shown += "\"offset\": " + quoted("offset") + ", ";
    shown += "\"driver\": \"raw\", ";
    if (Find("size"))
      shown += "\"size\": " + quoted("size") + ", ";
    shown += "\"file\": {\"driver\": \"file\", \"filename\": " +
             quoted("file.filename") + "}}";
  }

  const std::vector<Member>& members_;
  const Names& names_;
  const Profile& profile_;
  std::string format_;
  ImageOptions* out_ = nullptr;
};

}  // namespace

ImageOptions ParseImageOptions(std::string_view text, bool force_share,
                               const Names& names, const Profile& profile) {
  ImageOptions out;
  const std::vector<Member> members = SplitList(text, names, out.warnings);
  for (const auto& [name, value] : members) {
    if (force_share && name == "force-share" && value != "on") {
      out.error = "--force-share/-U conflicts with image options";
      out.error_is_whole = true;
      return out;
    }
  }
  Interpreter(members, names, profile).Run(out);
  return out;
}

bool IsJsonName(std::string_view name) {
  return name.starts_with(kJsonPrefix);
}

ImageOptions ParseJsonName(std::string_view name, const Names& names,
                           const Profile& profile) {
  ImageOptions out;
  const FlatJson json = ReadJson(name.substr(kJsonPrefix.size()));
  std::string words = "Could not parse the JSON options: ";
  if (profile.json_errors_have_position)
    words += "1:" + std::to_string(json.position + 1) + ": ";
  switch (json.fault) {
    case FlatJson::Fault::kUnfinished:
      out.error = words + "JSON parse error, " +
                  (profile.json_errors_have_position ? "premature end of input"
                                                     : "premature EOI");
      break;
    case FlatJson::Fault::kMalformed:
      out.error = words + "JSON parse error, invalid syntax";
      break;
    case FlatJson::Fault::kNoObject:
      out.error = "Invalid JSON object given";
      break;
    case FlatJson::Fault::kNone:
      Interpreter(json.members, names, profile).Run(out);
  }
  return out;
}

}  // namespace instar::compat
