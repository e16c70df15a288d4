#include <gtest/gtest.h>

#include "compat/info_json.h"
#include "compat/info_text.h"

namespace instar::compat {
namespace {

const Profile kOld = ProfileFor({7, 2, 22});
const Profile kNew = ProfileFor({11, 1, 3});

InfoNode File(const std::string& path, uint64_t length) {
  InfoNode node;
  node.filename = path;
  node.format = "file";
  node.virtual_size = length;
  node.disk_size = 200704;
  return node;
}

InfoNode RawImage() {
  InfoNode node;
  node.filename = "a.raw";
  node.format = "raw";
  node.virtual_size = 1024;
  node.disk_size = 4096;
  node.children.push_back({"file", File("a.raw", 1024)});
  return node;
}

InfoNode Qcow2Image() {
  InfoNode node;
  node.filename = "a.qcow2";
  node.format = "qcow2";
  node.virtual_size = 67108864;
  node.disk_size = 200704;
  node.cluster_size = 65536;
  node.qcow2.emplace();
  node.children.push_back({"file", File("a.qcow2", 197120)});
  return node;
}

constexpr char kQcow2Text[] =
    "image: a.qcow2\n"
    "file format: qcow2\n"
    "virtual size: 64 MiB (67108864 bytes)\n"
    "disk size: 196 KiB\n"
    "cluster_size: 65536\n"
    "Format specific information:\n"
    "    compat: 1.1\n"
    "    compression type: zlib\n"
    "    lazy refcounts: false\n"
    "    refcount bits: 16\n"
    "    corrupt: false\n"
    "    extended l2: false\n";

constexpr char kFileText[] =
    "Child node '/file':\n"
    "    filename: a.qcow2\n"
    "    protocol type: file\n"
    "    file length: 192 KiB (197120 bytes)\n"
    "    disk size: 196 KiB\n";

TEST(InfoText, ShowsAnImageAloneUpTo72) {
  EXPECT_EQ(InfoText(Qcow2Image(), kOld), kQcow2Text);
}

TEST(InfoText, ShowsTheFilesBelowSince80) {
  EXPECT_EQ(InfoText(Qcow2Image(), ProfileFor({8, 0, 0})),
            std::string(kQcow2Text) + kFileText);
}

TEST(InfoText, HasNoFormatBlockForRaw) {
  EXPECT_EQ(InfoText(RawImage(), kOld),
            "image: a.raw\n"
            "file format: raw\n"
            "virtual size: 1 KiB (1024 bytes)\n"
            "disk size: 4 KiB\n");
}

TEST(InfoText, SaysThatADiskSizeIsUnavailable) {
  InfoNode node = RawImage();
  node.disk_size.reset();
  EXPECT_NE(InfoText(node, kOld).find("disk size: unavailable\n"),
            std::string::npos);
}

TEST(InfoText, TellsOfAnUncleanShutdownSince61) {
  InfoNode node = Qcow2Image();
  node.dirty = true;
  const std::string line = "cluster_size: 65536\ncleanly shut down: no\n";
  EXPECT_EQ(InfoText(node, ProfileFor({6, 0, 1})), kQcow2Text);
  EXPECT_NE(InfoText(node, ProfileFor({6, 1, 0})).find(line),
            std::string::npos);
}

TEST(InfoText, PutsEncryptionBeforeTheClusterSize) {
  InfoNode node = Qcow2Image();
  node.encrypted = true;
  node.qcow2->encryption = InfoEncryption::kAes;
  const std::string text = InfoText(node, kOld);
  EXPECT_NE(text.find("encrypted: yes\ncluster_size: 65536\n"),
            std::string::npos);
  EXPECT_NE(text.find("    refcount bits: 16\n"
                      "    encrypt:\n"
                      "        format: aes\n"
                      "    corrupt: false\n"),
            std::string::npos);
}

TEST(InfoText, ShowsWhereABackingFileLiesOnlyIfThatDiffers) {
  InfoNode node = Qcow2Image();
  node.has_backing_file = true;
  node.backing_file = "../b.qcow2";
  node.full_backing_file = "../b.qcow2";
  node.backing_format = "qcow2";
  EXPECT_NE(InfoText(node, kOld)
                .find("backing file: ../b.qcow2\n"
                      "backing file format: qcow2\n"),
            std::string::npos);
  node.full_backing_file = "d/../b.qcow2";
  EXPECT_NE(InfoText(node, kOld)
                .find("backing file: ../b.qcow2 (actual path: "
                      "d/../b.qcow2)\n"),
            std::string::npos);
  node.full_backing_file.reset();
  node.backing_format.clear();
  EXPECT_NE(InfoText(node, kOld)
                .find("backing file: ../b.qcow2 (cannot "
                      "determine actual path)\nFormat"),
            std::string::npos);
}

TEST(InfoText, PrintsNamesAsTheyAre) {
  InfoNode node = Qcow2Image();
  node.has_backing_file = true;
  node.backing_file = "a\x01\n\x1b[31m\xff";
  node.full_backing_file = node.backing_file;
  EXPECT_NE(InfoText(node, kOld).find("backing file: a\x01\n\x1b[31m\xff\n"),
            std::string::npos);
}

TEST(InfoText, ListsBitmapsWithTheirFlags) {
  InfoNode node = Qcow2Image();
  node.qcow2->bitmaps = {{"b0", 65536, false, true},
                         {"b1", 32768, true, true},
                         {"b2", 512, false, false}};
  EXPECT_NE(InfoText(node, kOld)
                .find("    lazy refcounts: false\n"
                      "    bitmaps:\n"
                      "        [0]:\n"
                      "            flags:\n"
                      "                [0]: auto\n"
                      "            name: b0\n"
                      "            granularity: 65536\n"
                      "        [1]:\n"
                      "            flags:\n"
                      "                [0]: in-use\n"
                      "                [1]: auto\n"
                      "            name: b1\n"
                      "            granularity: 32768\n"
                      "        [2]:\n"
                      "            flags:\n"
                      "            name: b2\n"
                      "            granularity: 512\n"
                      "    refcount bits: 16\n"),
            std::string::npos);
}

TEST(InfoText, ShowsFewerFeaturesOfVersion2) {
  InfoNode node = Qcow2Image();
  node.qcow2->is_version_2 = true;
  EXPECT_NE(InfoText(node, kOld)
                .find("Format specific information:\n"
                      "    compat: 0.10\n"
                      "    compression type: zlib\n"
                      "    refcount bits: 16\n"),
            std::string::npos);
}

TEST(InfoText, ShowsAnOpenedDataFileBeforeTheImageFile) {
  InfoNode node = Qcow2Image();
  node.qcow2->has_data_file = true;
  node.qcow2->data_file = "e.data";
  node.qcow2->data_file_raw = true;
  node.children.insert(node.children.begin(),
                       {"data-file", File("e.data", 67108864)});
  const std::string text = InfoText(node, ProfileFor({9, 0, 0}));
  EXPECT_NE(text.find("    refcount bits: 16\n"
                      "    data file: e.data\n"
                      "    data file raw: true\n"
                      "    corrupt: false\n"),
            std::string::npos);
  EXPECT_NE(text.find("Child node '/data-file':\n"
                      "    filename: e.data\n"
                      "    protocol type: file\n"
                      "    file length: 64 MiB (67108864 bytes)\n"
                      "    disk size: 196 KiB\n"
                      "Child node '/file':\n"),
            std::string::npos);
}

TEST(InfoText, NamesNestedChildrenByTheirPath) {
  InfoNode inner = RawImage();
  InfoNode node = Qcow2Image();
  node.children = {{"file", inner}};
  EXPECT_NE(InfoText(node, kNew)
                .find("Child node '/file':\n"
                      "    image: a.raw\n"
                      "    file format: raw\n"
                      "    virtual size: 1 KiB (1024 bytes)\n"
                      "    disk size: 4 KiB\n"
                      "    Child node '/file/file':\n"
                      "        filename: a.raw\n"),
            std::string::npos);
}

TEST(InfoText, ShowsTheExtentSizeHintOfAFile) {
  InfoNode node = RawImage();
  node.children[0].node.extent_size_hint = 1048576;
  EXPECT_NE(InfoText(node, kNew)
                .find("    disk size: 196 KiB\n"
                      "    Format specific information:\n"
                      "        extent size hint: 1048576\n"),
            std::string::npos);
}

TEST(InfoText, SeparatesTheImagesOfAChainByAnEmptyLine) {
  EXPECT_EQ(InfoChainText({Qcow2Image(), Qcow2Image()}, kOld),
            std::string(kQcow2Text) + '\n' + kQcow2Text);
}

TEST(InfoText, KnowsOfDetachedLuksHeadersSince90) {
  InfoNode node;
  node.filename = "a.luks";
  node.format = "luks";
  node.encrypted = true;
  node.luks.emplace();
  node.luks->ivgen_algorithm = "plain64";
  node.luks->hash = "sha256";
  node.luks->cipher = "aes-256";
  node.luks->cipher_mode = "xts";
  node.luks->uuid = "u";
  node.luks->slots = {{true, 5407, 4000, 4096}, {false, 0, 0, 262144}};
  node.luks->payload_offset = 2068480;
  node.luks->master_key_iterations = 1261;
  constexpr char kRest[] =
      "    hash alg: sha256\n"
      "    cipher alg: aes-256\n"
      "    uuid: u\n"
      "    cipher mode: xts\n"
      "    slots:\n"
      "        [0]:\n"
      "            active: true\n"
      "            iters: 5407\n"
      "            key offset: 4096\n"
      "            stripes: 4000\n"
      "        [1]:\n"
      "            active: false\n"
      "            key offset: 262144\n"
      "    payload offset: 2068480\n"
      "    master key iters: 1261\n";
  EXPECT_NE(InfoText(node, kOld)
                .find(std::string("    ivgen alg: plain64\n") + kRest),
            std::string::npos);
  EXPECT_NE(InfoText(node, kNew)
                .find(std::string("    ivgen alg: plain64\n"
                                  "    detached header: false\n") +
                      kRest),
            std::string::npos);
}

TEST(InfoJson, HasTheKeysInHashOrder) {
  InfoNode node = Qcow2Image();
  node.encrypted = true;
  node.has_backing_file = true;
  node.backing_file = "b";
  node.full_backing_file = "d/b";
  node.backing_format = "raw";
  InfoSnapshot snapshot;
  snapshot.id = "1";
  snapshot.name = "s";
  snapshot.icount = 0;
  snapshot.vm_clock_nsec = 1'500'000'000;
  node.snapshots = {snapshot};
  EXPECT_EQ(InfoJson(node, kOld),
            R"({
    "backing-filename-format": "raw",
    "snapshots": [
        {
            "icount": 0,
            "vm-clock-nsec": 500000000,
            "name": "s",
            "date-sec": 0,
            "date-nsec": 0,
            "vm-clock-sec": 1,
            "id": "1",
            "vm-state-size": 0
        }
    ],
    "virtual-size": 67108864,
    "filename": "a.qcow2",
    "cluster-size": 65536,
    "format": "qcow2",
    "actual-size": 200704,
    "format-specific": {
        "type": "qcow2",
        "data": {
            "compat": "1.1",
            "compression-type": "zlib",
            "lazy-refcounts": false,
            "refcount-bits": 16,
            "corrupt": false,
            "extended-l2": false
        }
    },
    "full-backing-filename": "d/b",
    "encrypted": true,
    "backing-filename": "b",
    "dirty-flag": false
}
)");
}

TEST(InfoJson, HasTheFilesBelowSince80) {
  EXPECT_EQ(InfoJson(RawImage(), kNew),
            R"({
    "children": [
        {
            "name": "file",
            "info": {
                "children": [
                ],
                "virtual-size": 1024,
                "filename": "a.raw",
                "format": "file",
                "actual-size": 200704,
                "format-specific": {
                    "type": "file",
                    "data": {
                    }
                },
                "dirty-flag": false
            }
        }
    ],
    "virtual-size": 1024,
    "filename": "a.raw",
    "format": "raw",
    "actual-size": 4096,
    "dirty-flag": false
}
)");
}

TEST(InfoJson, PutsAChainIntoAList) {
  const std::string json = InfoChainJson({RawImage(), RawImage()}, kOld);
  EXPECT_TRUE(json.starts_with("[\n    {\n        \"virtual-size\": 1024,\n"));
  EXPECT_TRUE(json.ends_with("\"dirty-flag\": false\n    }\n]\n"));
}

}  // namespace
}  // namespace instar::compat
