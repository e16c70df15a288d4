#include "vmm/ring.h"

#include <gtest/gtest.h>

#include <memory>

namespace instar::vmm {
namespace {

struct RingTest : testing::Test {
  std::unique_ptr<abi::Ring> shared = std::make_unique<abi::Ring>();
  HostRing ring{shared.get()};
  std::vector<abi::Request> taken;

  void Submit(uint64_t tag) {
    shared->requests[shared->submitted % abi::kRingEntries].tag = tag;
    ++shared->submitted;
  }
};

TEST_F(RingTest, TakesEachRequestOnce) {
  Submit(7);
  Submit(8);
  EXPECT_EQ(ring.Take(&taken), "");
  EXPECT_EQ(ring.Take(&taken), "");
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[1].tag, 8U);
}

TEST_F(RingTest, KeepsItsCopyWhenTheGuestChangesTheRequest) {
  Submit(7);
  EXPECT_EQ(ring.Take(&taken), "");
  shared->requests[0].tag = 99;
  EXPECT_EQ(taken[0].tag, 7U);
}

TEST_F(RingTest, TakesAFullRingAndNoMore) {
  for (uint32_t i = 0; i < abi::kRingEntries; ++i) {
    Submit(i);
  }
  EXPECT_EQ(ring.Take(&taken), "");
  EXPECT_EQ(taken.size(), abi::kRingEntries);
  Submit(0);
  EXPECT_NE(ring.Take(&taken), "");
}

TEST_F(RingTest, CountsCompletionsThatAreNotConsumed) {
  for (uint32_t i = 0; i < abi::kRingEntries; ++i) {
    Submit(i);
  }
  EXPECT_EQ(ring.Take(&taken), "");
  for (const abi::Request& request : taken) {
    ring.Post(request.tag, 0);
  }
  Submit(0);
  EXPECT_NE(ring.Take(&taken), "");
}

TEST_F(RingTest, GoesOnAfterCompletionsAreConsumed) {
  for (uint64_t i = 0; i < 1000; ++i) {
    Submit(i);
    taken.clear();
    ASSERT_EQ(ring.Take(&taken), "");
    ring.Post(taken[0].tag, -5);
    EXPECT_EQ(shared->completions[i % abi::kRingEntries].tag, i);
    EXPECT_EQ(shared->completions[i % abi::kRingEntries].result, -5);
    EXPECT_EQ(shared->completed, i + 1);
    shared->consumed = shared->completed;
  }
}

TEST_F(RingTest, RefusesCountersThatCannotBe) {
  shared->submitted = 1000;
  EXPECT_NE(ring.Take(&taken), "");
  shared->submitted = 0;
  shared->consumed = 1;
  EXPECT_NE(ring.Take(&taken), "");
  shared->submitted = UINT32_MAX;
  EXPECT_NE(ring.Take(&taken), "");
  EXPECT_TRUE(taken.empty());
}

TEST_F(RingTest, DoesNotBelieveItsCountersInSharedMemory) {
  Submit(1);
  EXPECT_EQ(ring.Take(&taken), "");
  shared->completed = 77;
  shared->event = 77;
  ring.Post(1, 0);
  ring.BumpEvent();
  EXPECT_EQ(shared->completed, 1U);
  EXPECT_EQ(shared->event, 1U);
}

}  // namespace
}  // namespace instar::vmm
