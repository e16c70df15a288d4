// The one table of versions: what a caller can see differ between releases of
// qemu-img. Code asks a Profile for a knob and never looks at a version.
//
// To add a difference: a member of Profile, named for what appears, whose
// default is the oldest behaviour; a row of kReleases in profile.cc that turns
// it on.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace instar::compat {

struct Version {
  int major = 0;
  int minor = 0;
  int patch = 0;
  // Debian 13's package of 10.0, which carries an early form of 10.1's
  // command line. Equal versions differ by it in texts only.
  bool debian = false;

  constexpr std::strong_ordering operator<=>(const Version& other) const {
    if (auto c = major <=> other.major; c != 0)
      return c;
    if (auto c = minor <=> other.minor; c != 0)
      return c;
    return patch <=> other.patch;
  }
  constexpr bool operator==(const Version&) const = default;
};

// Older versions are answered as the oldest, newer ones as the newest.
inline constexpr Version kOldest{5, 2, 0};
inline constexpr Version kNewest{11, 1, 3};

// How a number too malformed to read is reported.
enum class NumberErrors : uint8_t {
  kSuffixHelp,      // two lines that list the suffixes
  kQuoted,          // "Invalid NAME specified: 'VALUE'"
  kQuotedWithStop,  // the same with a full stop
};

// What "0x10k" means.
enum class HexSuffix : uint8_t { kWarns, kInvalid };

// The table of internal snapshots.
enum class SnapshotColumns : uint8_t {
  kNarrow,     // 5.2: seven characters for the size
  kWide,       // 6.0: eight
  kSeparated,  // 9.0: a blank between any two, four digits of hours
};

struct Profile {
  Version version{};

  // ---- Command line ----
  // getopt words its own errors, after "ARGV0 COMMAND: "; else qemu-img does.
  bool getopt_reports_errors = false;
  // Usage errors point at 'ARGV0 COMMAND --help'; else at 'qemu-img --help'.
  bool hint_names_command = false;
  bool hint_says_info = false;  // "for more info" where others say information
  bool help_per_command = false;
  int copyright_year = 2020;  // second line of --version
  bool missing_command_is_error_after_trace = false;
  NumberErrors number_errors = NumberErrors::kSuffixHelp;
  bool output_error_quotes_value = false;  // --output expects … not 'X'
  bool output_error_has_comma = true;

  // ---- Numbers ----
  HexSuffix hex_suffix = HexSuffix::kWarns;
  bool size_fraction_may_lack_integer = false;  // ".5k"
  bool negative_size_is_out_of_range = false;
  // Words for a bad convert -m or a count of bench, which begins at 1 then.
  bool counts_are_numbers = false;
  // Requests of bench start over before they would reach behind the image.
  bool bench_wraps_before_end = false;

  // ---- Creation ----
  bool enum_errors_name_value = false;  // "Parameter 'x' does not accept …"
  bool backing_format_required = false;
  bool detected_format_hint_ends_line = false;
  bool create_has_keep_data_file = false;  // option of qcow2
  // Option of vmdk; with it the line is in every descriptor.
  bool vmdk_has_tools_version = false;

  // ---- convert ----
  bool zero_run_tail_splits = true;

  // Bitmaps that cannot be copied are told of before anything is copied.
  bool convert_checks_bitmaps = false;

  // ---- rebase ----
  bool rebase_compares_whole_units = false;  // clusters, or their parts

  // ---- bitmap ----
  bool bitmap_removes_all = false;  // --remove-all is one of its actions

  // ---- snapshot ----
  bool snapshot_tells_errno = true;  // "-95 (Operation not supported)"
  bool snapshot_lists_by_default = false;

  // ---- amend ----
  bool amend_keeps_backing = false;  // another backing file is refused
  // An image of zstd without packed clusters becomes one of version 2.
  bool amend_drops_zstd = false;

  // ---- measure ----
  bool parallels_has_bitmaps = false;      // "bitmaps size" for such a source
  bool json_errors_have_position = false;  // "1:11: JSON parse error"

  // ---- map, compare ----
  bool compare_object_error_is_usual = false;  // status 1, else 2
  bool map_shows_present = false;     // and does not join what differs in it
  bool map_shows_compressed = false;  // likewise
  // Errors about the offset and the size of a raw image name what was asked
  // for; else 0.
  bool raw_range_errors_show_values = false;

  // ---- info ----
  bool info_reads_dirty_bit = false;    // "cleanly shut down: no"
  bool info_shows_child_nodes = false;  // "Child node '/file':", "children"
  bool info_opens_data_file = true;     // its child node, its share of the disk
                                        // size, and a failure if it is missing
  bool luks_shows_detached_header = false;
  SnapshotColumns snapshot_columns = SnapshotColumns::kNarrow;

  // ---- check ----
  // Reserved bits of qcow2 entries and bitmaps of subclusters are checked.
  bool check_reads_reserved_bits = false;
  // How much of a Parallels image is looked at: 0 where clusters begin, 1 all
  // of each, 2 the offset of the data and duplicates too.
  uint32_t check_parallels = 0;
  // Why refcounts cannot be made anew is told after the program's name.
  bool rebuild_errors_are_prefixed = false;

  // ---- This program ----
  // Under its own name: options and checks that no qemu-img has.
  bool has_own_features = false;
  // ---- Formats ----
  // A vpc image's geometry tells its size, but for a few creators; else only
  // for two old ones.
  bool vpc_size_prefers_geometry = true;
};

// The profile of a version. Versions between two releases behave as the older.
Profile ProfileFor(Version version);

// "8.2", "10.0.13", also "v8.2.1", "10.0.2-debian". Nothing where it is no
// version number.
std::optional<Version> ParseVersion(std::string_view text);

// "8.2.0"
std::string ToString(Version version);

}  // namespace instar::compat
