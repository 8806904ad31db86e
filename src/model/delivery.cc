// qmail-local and vdelivermail read lines by different rules: what one trims or ignores, the other
// fails on. A line is therefore always parsed for one reader. Lines are templates, so a placeholder
// at the start counts as the path that it becomes.

#include "vstate/model/delivery.h"

#include <algorithm>
#include <array>

#include "vstate/base/text.h"

namespace vstate {

namespace {

/// The first byte that the reader will see. Lines are templates, and a placeholder at their start
/// is the beginning of a path, unless it spells a byte.
char first_byte(std::string_view line) {
  const bool is_literal = line.substr(0, 2) == "{{" || line.substr(0, 6) == "{byte:";
  return line.front() == '{' && !is_literal ? '/' : line.front();
}

DeliveryLine broken(std::string problem) { return {DeliveryKind::broken, {}, std::move(problem)}; }

DeliveryLine parse_qmail_local(std::string_view line, bool is_first) {
  // qmail-local trims blanks and tabs at the end, and defers where the first line is then empty.
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
  if (line.empty())
    return is_first ? broken("a blank first line makes qmail-local defer every message")
                    : DeliveryLine{};
  const std::string rest(line.substr(1));
  switch (first_byte(line)) {
    case '#':
      return {};
    case '|':
      return {DeliveryKind::program, rest, {}};
    case '.':
    case '/':
      return {
          line.back() == '/' ? DeliveryKind::maildir : DeliveryKind::mbox, std::string(line), {}};
    case '+':
      // Any other line that begins with "+" is reserved and ignored.
      return {rest == "list" ? DeliveryKind::only_forwards : DeliveryKind::nothing, {}, {}};
    case '&':
      return {DeliveryKind::forward, rest, {}};
    default:
      return {DeliveryKind::forward, std::string(line), {}};
  }
}

DeliveryLine parse_vdelivermail(std::string_view line) {
  // A longer line is read as two, of which the second is something that nobody wrote.
  constexpr std::size_t buffer = 499;
  if (line.size() > buffer) return broken("vdelivermail reads at most 499 bytes of a line");
  if (line.empty())
    return broken("a blank line is a forward to nobody for vdelivermail, and fails");
  const std::string rest(line.substr(1));
  switch (first_byte(line)) {
    case '#':
      return {};
    case '|':
      return {DeliveryKind::program, rest, {}};
    case '.':
    case '/':
      if (line.back() != '/') return broken("vdelivermail defers a line that names an mbox file");
      return {DeliveryKind::maildir, std::string(line), {}};
    case '&':
      return {DeliveryKind::forward, rest, {}};
    default:
      return {DeliveryKind::forward, std::string(line), {}};
  }
}

/// The words of a shell command; operators are words of their own.
std::vector<std::string> shell_words(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  const auto finish = [&] {
    if (in_word) words.push_back(word);
    word.clear();
    in_word = false;
  };
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word.push_back(c);
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == '\\' && i + 1 < command.size()) {
      word.push_back(command[++i]);
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      finish();
    } else if (c == ';' || c == '|' || c == '&' || c == '(' || c == ')') {
      finish();
      // "&&" and "||" become two words, each of which says that a command follows.
      words.emplace_back(1, c);
    } else {
      word.push_back(c);
      in_word = true;
    }
  }
  finish();
  return words;
}

}  // namespace

DeliveryLine parse_delivery(std::string_view line, LineReader reader, bool is_first) {
  return reader == LineReader::qmail_local ? parse_qmail_local(line, is_first)
                                           : parse_vdelivermail(line);
}

std::vector<std::string> programs_run(std::string_view command) {
  constexpr std::array<std::string_view, 12> before_a_command{
      ";", "|", "&", "(", "then", "do", "else", "if", "exec", "preline", "env", "!"};
  std::vector<std::string> programs;
  bool expect = true;
  for (const auto& word : shell_words(command)) {
    // "!" is an operator of test(1) as well, which only its place tells apart.
    const bool leads = std::find(before_a_command.begin(), before_a_command.end(), word) !=
                           before_a_command.end() &&
                       (word != "!" || expect);
    // "HOME=/x program" runs the program.
    const bool is_assignment =
        expect && word.find('=') != std::string::npos && !word.starts_with('/');
    if (leads || is_assignment) {
      // preline is itself a program, which must be there, and starts another.
      if (word == "preline") programs.push_back(word);
      expect = true;
      continue;
    }
    // Options of a prefix such as "exec" are not what is run, and "''" runs nothing.
    if (expect && !word.starts_with('-')) {
      if (!word.empty() && std::find(programs.begin(), programs.end(), word) == programs.end())
        programs.push_back(word);
      expect = false;
    }
  }
  return programs;
}

namespace {
constexpr std::string_view k_dot_qmail = ".qmail-";
}  // namespace

std::string dot_qmail_name(std::string_view alias) {
  return std::string(k_dot_qmail) + replace_all(std::string(alias), ".", ":");
}

std::optional<std::string> alias_of_dot_qmail(std::string_view name) {
  if (!name.starts_with(k_dot_qmail)) return std::nullopt;
  return replace_all(std::string(name.substr(k_dot_qmail.size())), ":", ".");
}

bool runs_vdelivermail(const DeliveryLines& lines) {
  // The word may stand behind other programs in the line, which hand the message on.
  return std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find("vdelivermail") != std::string::npos &&
           parse_delivery(line, LineReader::qmail_local, false).kind == DeliveryKind::program;
  });
}

bool runs_program(const DeliveryLines& lines) {
  return std::any_of(lines.begin(), lines.end(),
                     [](const std::string& line) { return line.starts_with('|'); });
}

bool is_read_alike(std::string_view line) {
  constexpr std::string_view blanks = " \t";
  // A brace would be taken for a placeholder by both parsers.
  if (line.empty() || line.front() == '{' || blanks.find(line.front()) != std::string_view::npos ||
      blanks.find(line.back()) != std::string_view::npos ||
      line.find_first_of(std::string_view("\n\0", 2)) != std::string_view::npos)
    return false;
  // Only what both readers understand alike may move between a file and the table.
  const auto file = parse_delivery(line, LineReader::qmail_local, false);
  const auto row = parse_delivery(line, LineReader::vdelivermail, false);
  return file.kind == row.kind && file.argument == row.argument &&
         file.kind != DeliveryKind::broken && file.kind != DeliveryKind::only_forwards;
}

std::vector<std::string> names_that_answer(const std::string& extension) {
  std::vector<std::string> names{extension};
  for (auto dash = extension.rfind('-'); dash != std::string::npos;
       dash = dash == 0 ? std::string::npos : extension.rfind('-', dash - 1))
    names.push_back(extension.substr(0, dash + 1) + "default");
  return names;
}

}  // namespace vstate
