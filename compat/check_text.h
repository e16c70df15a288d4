// What `check` prints: a line for each problem, and the summary for people.
#pragma once

#include <string>

#include "compat/usage.h"
#include "gen/guest.pb.h"

namespace instar::compat {

// The lines of a problem, with their newlines, for stderr.
std::string ProblemText(const Names& names, const proto::CheckProblem& problem);

// The summary, for stdout.
std::string CheckText(const proto::CheckResult& result);

}  // namespace instar::compat
