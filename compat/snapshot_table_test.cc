#include "compat/snapshot_table.h"

#include <gtest/gtest.h>

namespace instar::compat {
namespace {

std::vector<InfoSnapshot> TwoSnapshots() {
  InfoSnapshot first;
  first.id = "1";
  first.name = "averyveryverylongsnapshotname-more";
  first.vm_state_size = 7'000'000'000;
  first.date_text = "1970-01-01 00:00:01";
  first.vm_clock_nsec = 446398'999'999'999;
  InfoSnapshot second;
  second.id = "2";
  second.name = "b";
  second.vm_state_size = uint64_t{1} << 40;
  second.date_text = "2096-10-02 07:06:40";
  second.vm_clock_nsec = (uint64_t{1} << 63) + 5;
  second.icount = 123456789012345;
  return {first, second};
}

TEST(SnapshotTable, PushesColumnsBehindLongTextsUpTo82) {
  EXPECT_EQ(SnapshotTable(TwoSnapshots(), ProfileFor({7, 2, 22})),
            "Snapshot list:\n"
            "ID        TAG               VM SIZE                DATE     VM "
            "CLOCK     ICOUNT\n"
            "1         averyveryverylongsnapshotname-more 6.52 GiB 1970-01-01 "
            "00:00:01123:59:58.999           \n"
            "2         b                   1 TiB 2096-10-02 "
            "07:06:402562047:47:16.854123456789012345\n");
}

TEST(SnapshotTable, SeparatesColumnsSince90) {
  EXPECT_EQ(SnapshotTable(TwoSnapshots(), ProfileFor({9, 0, 0})),
            "Snapshot list:\n"
            "ID      TAG               VM_SIZE                DATE        "
            "VM_CLOCK     ICOUNT\n"
            "1       averyveryverylongsnapshotname-more 6.52 GiB 1970-01-01 "
            "00:00:01  0123:59:58.999         --\n"
            "2       b                   1 TiB 2096-10-02 07:06:40 "
            "2562047:47:16.854 123456789012345\n");
}

TEST(SnapshotTable, HasANarrowerSizeColumnIn52) {
  InfoSnapshot snapshot;
  snapshot.id = "1";
  snapshot.name = "first";
  snapshot.date_text = "2024-05-17 12:34:56";
  snapshot.icount = 0;
  EXPECT_EQ(SnapshotTable({snapshot}, ProfileFor({5, 2, 0})),
            "Snapshot list:\n"
            "ID        TAG               VM SIZE                DATE     VM "
            "CLOCK     ICOUNT\n"
            "1         first                 0 B 2024-05-17 12:34:56 "
            "00:00:00.000          0\n");
}

}  // namespace
}  // namespace instar::compat
