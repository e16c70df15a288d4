// Small valid images, a few of each format, for the conformance tests and as
// the corpus that fuzzing starts from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace instar::fakes {

struct Seed {
  std::string name;  // unique, an identifier
  std::string format;
  std::vector<uint8_t> bytes;
  uint64_t metadata_bytes;  // from the start; where changing something is of
                            // interest
};

std::vector<Seed> RawSeeds();
std::vector<Seed> Qcow2Seeds();
std::vector<Seed> VmdkSeeds();
std::vector<Seed> VpcSeeds();
std::vector<Seed> VdiSeeds();
std::vector<Seed> VhdxSeeds();
std::vector<Seed> QcowSeeds();
std::vector<Seed> QedSeeds();
std::vector<Seed> ParallelsSeeds();
std::vector<Seed> BochsSeeds();
std::vector<Seed> CloopSeeds();
std::vector<Seed> DmgSeeds();
std::vector<Seed> LuksSeeds();

// A whole LUKS1 header, without what follows it.
std::vector<uint8_t> LuksHeader();

std::vector<Seed> AllSeeds();

}  // namespace instar::fakes
