#include "compat/options.h"

#include <getopt.h>

namespace instar::compat {
namespace {

// getopt_long's value for row i of a command; beyond every letter.
constexpr int kRowBase = 1000;

const OptionRow* RowOf(const std::vector<OptionRow>& rows, int value) {
  if (value >= kRowBase)
    return &rows[static_cast<size_t>(value - kRowBase)];
  for (const OptionRow& row : rows)
    if (row.letter == value)
      return &row;
  return nullptr;
}

}  // namespace

OptionReader::OptionReader(const Names& names, const Profile& profile,
                           std::string_view command,
                           const std::vector<std::string>& arguments)
    : names_(names),
      profile_(profile),
      command_(command),
      rows_(OptionsOf(command, profile)),
      getopt_reports_(profile.getopt_reports_errors || command == "measure") {
  // getopt names the program in its own messages by what it finds here.
  words_.push_back(profile.getopt_reports_errors ? names.argv0 : command_);
  if (profile.getopt_reports_errors && !command_.empty())
    words_.back() += " " + command_;
  words_.insert(words_.end(), arguments.begin(), arguments.end());
  for (std::string& word : words_)
    argv_.push_back(word.data());
  argv_.push_back(nullptr);

  // resize takes "-NUMBER" for a size, so it must not permute.
  const bool in_order = command_.empty() ||
                        (command_ == "resize" && profile.getopt_reports_errors);
  if (in_order)
    letters_ = "+";
  // With this ':' getopt prints nothing and tells the two errors apart.
  if (!getopt_reports_)
    letters_ += ":";
  for (const OptionRow& row : rows_) {
    if (row.letter == 0)
      continue;
    letters_ += row.letter;
    if (row.argument != nullptr)
      letters_ += ':';
  }
}

void OptionReader::Fail(std::string_view text) {
  failed_ = true;
  if (!getopt_reports_)
    error_ = ErrorLine(names_, text);
  error_ += TryLine(names_, profile_, command_);
}

std::optional<ParsedOption> OptionReader::Next() {
  if (failed_)
    return std::nullopt;
  std::vector<struct option> names;
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i].name == nullptr)
      continue;
    names.push_back(
        {rows_[i].name,
         rows_[i].argument != nullptr ? required_argument : no_argument,
         nullptr, kRowBase + static_cast<int>(i)});
  }
  names.push_back({});
  if (!started_)
    optind = 0;  // starts getopt afresh
  started_ = true;

  const int argc = static_cast<int>(argv_.size()) - 1;
  const int value =
      getopt_long(argc, argv_.data(), letters_.c_str(), names.data(), nullptr);
  if (value == -1)
    return std::nullopt;
  const OptionRow* row = RowOf(rows_, value);
  if (value == '?' || value == ':' || row == nullptr) {
    // qemu-img's own words name the element that getopt is done with.
    const std::string element = argv_[static_cast<size_t>(optind - 1)];
    Fail(value == ':' ? "missing argument for option '" + element + "'"
                      : "unrecognized option '" + element + "'");
    return std::nullopt;
  }
  ParsedOption parsed{row->opt, {}};
  if (row->argument != nullptr)
    parsed.value = optarg;
  return parsed;
}

std::vector<std::string> OptionReader::operands() const {
  return {argv_.begin() + optind, argv_.end() - 1};
}

}  // namespace instar::compat
