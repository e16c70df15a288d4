#include "cmd/configuration.h"

#include <gtest/gtest.h>

namespace instar::cmd {
namespace {

TEST(ConfigurationTest, KeysAreRead) {
  const Configuration configuration = ParseConfiguration(
      "# site\n"
      "version = 8.2   # the fleet's\n"
      "\n"
      "jail=kvm\r\n"
      "policy = strict\n"
      "allow = /srv/base\n"
      "allow = /srv/other");
  EXPECT_EQ(configuration.error, "");
  EXPECT_EQ(configuration.version, (compat::Version{8, 2, 0}));
  EXPECT_EQ(configuration.jail, vmm::JailKind::kKvm);
  EXPECT_EQ(configuration.strict, true);
  EXPECT_EQ(configuration.allowed,
            (std::vector<std::string>{"/srv/base", "/srv/other"}));
}

TEST(ConfigurationTest, WhatItCannotUseIsAnError) {
  EXPECT_EQ(ParseConfiguration("\nnosuch = 1\n").error,
            "line 2: cannot use 'nosuch = 1'");
  for (const char* text :
       {"version", "version = x", "jail = none", "policy = lax", "allow = a"})
    EXPECT_NE(ParseConfiguration(text).error, "") << text;
}

TEST(ConfigurationTest, WhatIsStricterIsBinding) {
  Environment environment;
  environment.jail = vmm::JailKind::kProcess;
  Apply(ParseConfiguration("jail = kvm\npolicy = strict\nallow = /srv"),
        environment);
  EXPECT_EQ(environment.jail, vmm::JailKind::kKvm);
  EXPECT_TRUE(environment.policy.strict);
  EXPECT_EQ(environment.policy.allowed, std::vector<std::string>{"/srv"});

  environment.jail = vmm::JailKind::kProcess;
  Apply(ParseConfiguration("jail = auto\npolicy = default"), environment);
  EXPECT_EQ(environment.jail, vmm::JailKind::kProcess);
  EXPECT_TRUE(environment.policy.strict);
}

TEST(ConfigurationTest, AMissingFileSetsNothing) {
  const Configuration configuration =
      ReadConfiguration("/nonexistent/instar.conf");
  EXPECT_EQ(configuration.error, "");
  EXPECT_FALSE(configuration.version.has_value());
}

}  // namespace
}  // namespace instar::cmd
