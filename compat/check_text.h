// What `check` prints: a line for each problem, and the summary for people.
#pragma once

#include <string>

#include "compat/profile.h"
#include "compat/usage.h"
#include "gen/guest.pb.h"

namespace instar::compat {

// The lines of a problem, with their newlines, for stderr.
std::string ProblemText(const Names& names, const Profile& profile,
                        const proto::CheckProblem& problem);

// What a repair has done, for stdout, before the summary of the check that
// follows it.
std::string RepairText(const proto::CheckResult& result);

// The summary, for stdout.
std::string CheckText(const proto::CheckResult& result);

}  // namespace instar::compat
