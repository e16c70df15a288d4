#include "compat/snapshot_table.h"

#include <cstdio>
#include <string_view>

#include "compat/human_size.h"

namespace instar::compat {
namespace {

struct Row {
  std::string id, tag, size, date, clock, icount;
};

// How one style of table is laid out.
struct Layout {
  size_t id;  // widths; id and tag are left-aligned, the rest right-aligned
  size_t tag;
  size_t size;
  size_t date;
  size_t clock;
  size_t icount;
  bool blank_between;  // every two columns; else only behind a row's id and tag
  int hour_digits;
  std::string_view no_icount;
  Row titles;
};

const Layout& LayoutOf(SnapshotColumns columns) {
  static const Layout kNarrow{
      10, 18,    7, 20, 13,
      11, false, 2, "", {"ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT"}};
  static const Layout kWide{
      10, 17,    8, 20, 13,
      11, false, 2, "", {"ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT"}};
  static const Layout kSeparated{
      7,    16,
      8,    19,
      15,   10,
      true, 4,
      "--", {"ID", "TAG", "VM_SIZE", "DATE", "VM_CLOCK", "ICOUNT"}};
  switch (columns) {
    case SnapshotColumns::kNarrow:
      return kNarrow;
    case SnapshotColumns::kWide:
      return kWide;
    case SnapshotColumns::kSeparated:
      break;
  }
  return kSeparated;
}

std::string Left(const std::string& text, size_t width) {
  return text.size() < width ? text + std::string(width - text.size(), ' ')
                             : text;
}

std::string Right(const std::string& text, size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text
                             : text;
}

std::string Print(const Row& row, const Layout& layout, bool is_title) {
  const std::string blank(layout.blank_between ? 1 : 0, ' ');
  std::string out;
  if (layout.blank_between || is_title) {
    out = Left(row.id, layout.id) + blank + Left(row.tag, layout.tag);
  } else {
    out =
        Left(row.id, layout.id - 1) + ' ' + Left(row.tag, layout.tag - 1) + ' ';
  }
  out += blank + Right(row.size, layout.size);
  out += blank + Right(row.date, layout.date);
  out += blank + Right(row.clock, layout.clock);
  out += blank + Right(row.icount, layout.icount);
  return out + '\n';
}

std::string ClockText(uint64_t nanoseconds, int hour_digits) {
  const uint64_t seconds = nanoseconds / 1'000'000'000;
  char text[64];
  snprintf(text, sizeof text, "%0*llu:%02u:%02u.%03u", hour_digits,
           static_cast<unsigned long long>(seconds / 3600),
           static_cast<unsigned>(seconds / 60 % 60),
           static_cast<unsigned>(seconds % 60),
           static_cast<unsigned>(nanoseconds / 1'000'000 % 1000));
  return text;
}

}  // namespace

std::string SnapshotTable(const std::vector<InfoSnapshot>& snapshots,
                          const Profile& profile) {
  const Layout& layout = LayoutOf(profile.snapshot_columns);
  std::string out = "Snapshot list:\n" + Print(layout.titles, layout, true);
  for (const InfoSnapshot& snapshot : snapshots) {
    Row row;
    row.id = snapshot.id;
    row.tag = snapshot.name;
    row.size = HumanSize(snapshot.vm_state_size);
    row.date = snapshot.date_text;
    row.clock = ClockText(snapshot.vm_clock_nsec, layout.hour_digits);
    row.icount = snapshot.icount ? std::to_string(*snapshot.icount)
                                 : std::string(layout.no_icount);
    out += Print(row, layout, false);
  }
  return out;
}

}  // namespace instar::compat
