#include "compat/profile.h"

namespace instar::compat {
namespace {

// A row says only what changed from `since` on, up to but without `until`.
struct Release {
  Version since;
  void (*apply)(Profile&);
  Version until{};  // zero: for good
};

// Oldest first. The same change in a stable series is a row of its own.
constexpr Release kReleases[] = {
    // bitmap, convert --bitmaps
    {{6, 1}, [](Profile& p) { p.convert_checks_bitmaps = true; }},
    {{11, 1}, [](Profile& p) { p.bitmap_removes_all = true; }},
    // info
    {{6, 0}, [](Profile& p) { p.snapshot_columns = SnapshotColumns::kWide; }},
    {{6, 1}, [](Profile& p) { p.info_reads_dirty_bit = true; }},
    {{8, 0}, [](Profile& p) { p.info_shows_child_nodes = true; }},
    {{9, 0},
     [](Profile& p) {
       p.luks_shows_detached_header = true;
       p.snapshot_columns = SnapshotColumns::kSeparated;
     }},
    {{7, 2, 13}, [](Profile& p) { p.info_opens_data_file = false; }, {8, 0}},
    {{8, 2, 6}, [](Profile& p) { p.info_opens_data_file = false; }, {9, 0}},
    {{9, 0, 2}, [](Profile& p) { p.info_opens_data_file = false; }},
    // map, compare
    {{6, 1}, [](Profile& p) { p.map_shows_present = true; }},
    {{8, 2}, [](Profile& p) { p.map_shows_compressed = true; }},
    {{7, 2, 15},
     [](Profile& p) { p.raw_range_errors_show_values = true; },
     {8, 0}},
    {{8, 2, 8},
     [](Profile& p) { p.raw_range_errors_show_values = true; },
     {9, 0}},
    {{9, 0, 4},
     [](Profile& p) { p.raw_range_errors_show_values = true; },
     {9, 1}},
    {{9, 1, 2}, [](Profile& p) { p.raw_range_errors_show_values = true; }},
    // snapshot, amend
    {{8, 2}, [](Profile& p) { p.snapshot_tells_errno = false; }},
    {{10, 1}, [](Profile& p) { p.snapshot_lists_by_default = true; }},
    {{6, 1}, [](Profile& p) { p.amend_keeps_backing = true; }},
    {{7, 0}, [](Profile& p) { p.amend_drops_zstd = true; }},
    // everything else
    {{6, 0}, [](Profile& p) { p.copyright_year = 2021; }},
    {{6, 1}, [](Profile& p) { p.backing_format_required = true; }},
    {{6, 2},
     [](Profile& p) {
       p.enum_errors_name_value = true;
       p.vmdk_has_tools_version = true;
       p.check_reads_reserved_bits = true;
     }},
    {{7, 0},
     [](Profile& p) {
       p.copyright_year = 2022;
       p.zero_run_tail_splits = false;
     }},
    {{7, 1}, [](Profile& p) { p.rebuild_errors_are_prefixed = true; }},
    {{8, 0}, [](Profile& p) { p.hex_suffix = HexSuffix::kInvalid; }},
    {{8, 1},
     [](Profile& p) {
       p.copyright_year = 2023;
       p.detected_format_hint_ends_line = true;
       p.size_fraction_may_lack_integer = true;
       p.negative_size_is_out_of_range = true;
       p.check_parallels = 1;
     }},
    {{8, 2},
     [](Profile& p) {
       p.parallels_has_bitmaps = true;
       p.check_parallels = 2;
       p.rebase_compares_whole_units = true;
     }},
    {{9, 0}, [](Profile& p) { p.copyright_year = 2024; }},
    {{10, 0},
     [](Profile& p) {
       p.copyright_year = 2025;
       p.vpc_size_prefers_geometry = false;
     }},
    {{10, 1},
     [](Profile& p) {
       p.getopt_reports_errors = true;
       p.hint_names_command = true;
       p.help_per_command = true;
       p.missing_command_is_error_after_trace = true;
       p.number_errors = NumberErrors::kQuoted;
       p.output_error_quotes_value = true;
       p.counts_are_numbers = true;
       p.bench_wraps_before_end = true;
       p.compare_object_error_is_usual = true;
     }},
    {{11, 0},
     [](Profile& p) {
       p.copyright_year = 2026;
       p.create_has_keep_data_file = true;
       p.json_errors_have_position = true;
     }},
};

// Debian 13's 10.0 has these besides what 10.1 brought to the command line.
constexpr void ApplyDebian(Profile& p) {
  p.getopt_reports_errors = true;
  p.hint_names_command = true;
  p.hint_says_info = true;
  p.snapshot_lists_by_default = true;
  p.help_per_command = true;
  p.missing_command_is_error_after_trace = true;
  p.number_errors = NumberErrors::kQuotedWithStop;
  p.output_error_quotes_value = true;
  p.output_error_has_comma = false;
  p.counts_are_numbers = true;
}

constexpr Profile Build(Version version) {
  Profile profile;
  profile.version = version;
  for (const Release& release : kReleases) {
    if (version < release.since)
      continue;
    if (release.until.major != 0 && version >= release.until)
      continue;
    release.apply(profile);
  }
  if (version.debian)
    ApplyDebian(profile);
  return profile;
}

static_assert(!Build({6, 0, 1}).backing_format_required);
static_assert(Build({6, 1, 0}).backing_format_required);
static_assert(Build({7, 2, 22}).hex_suffix == HexSuffix::kWarns);
static_assert(!Build({8, 0, 5}).detected_format_hint_ends_line);
static_assert(!Build({10, 0, 3}).getopt_reports_errors);
static_assert(Build({10, 0, 13, true}).hint_says_info);
static_assert(!Build(kNewest).hint_says_info);
static_assert(Build({7, 2, 8}).info_opens_data_file);
static_assert(!Build({7, 2, 22}).info_opens_data_file);
static_assert(Build({8, 0, 5}).info_opens_data_file);
static_assert(Build({9, 0, 0}).info_opens_data_file);
static_assert(!Build({9, 0, 2}).info_opens_data_file);

}  // namespace

Profile ProfileFor(Version version) {
  if (version < kOldest)
    version = kOldest;
  if (version > kNewest)
    version = kNewest;
  return Build(version);
}

std::optional<Version> ParseVersion(std::string_view text) {
  if (text.starts_with('v'))
    text.remove_prefix(1);
  int parts[3] = {};
  size_t at = 0;
  int count = 0;
  for (; count < 3; ++count) {
    if (at >= text.size() || text[at] < '0' || text[at] > '9')
      break;
    int value = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      value = value * 10 + (text[at] - '0');
      if (value > 9999)
        return std::nullopt;
    }
    parts[count] = value;
    if (at >= text.size() || text[at] != '.') {
      ++count;
      break;
    }
    ++at;
  }
  if (count == 0 || text.ends_with('.'))
    return std::nullopt;
  const std::string_view rest = text.substr(at);
  if (!rest.empty() && rest[0] != '-' && rest[0] != ' ' && rest[0] != '+')
    return std::nullopt;
  Version version{parts[0], parts[1], parts[2]};
  if (version.major == 10 && version.minor == 0) {
    // Both exist with the same numbers. The later ones are seen in Debian.
    version.debian = version.patch >= 4 ||
                     rest.find("ebian") != std::string_view::npos ||
                     rest.find("+deb") != std::string_view::npos;
  }
  return version;
}

std::string ToString(Version version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor) +
         "." + std::to_string(version.patch);
}

}  // namespace instar::compat
