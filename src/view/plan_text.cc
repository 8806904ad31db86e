// The plan for people, made from its JSON. What a person has to decide on always stands there
// whole; the rest gives way to the width of the terminal and to the number of rows. Sign and word
// say the same, so that no colour is needed to understand a row, and the last line is one that
// scripts search for.

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "view/plan_view.h"
#include "view/ruler.h"
#include "vstate/base/text.h"

namespace vstate::view {

namespace {

using Json = nlohmann::ordered_json;

std::string_view color_of(char sign) {
  switch (sign) {
    case '+':
      return "\x1b[32m";
    case '~':
    case '!':
      return "\x1b[33m";
    case '-':
      return "\x1b[31m";
    default:
      return "\x1b[2m";
  }
}

char sign_of(const Json& change) {
  // The text knows no more than what the JSON says.
  const auto& verb = change["actions"][0];
  return verb == "create" ? '+' : verb == "update" ? '~' : verb == "read" ? '<' : '-';
}

char sign_of_note(const std::string& kind) {
  return kind == "kept" ? '=' : kind == "conflict" ? '#' : kind == "here_only" ? '?' : '!';
}

/// What a plan is about.
std::string title_of(const Json& plan) {
  return plan.contains("document") ? "server.toml" : plan["domain"].get<std::string>();
}

/// What one or several of a kind are called: "3 mailboxes", "mail of 3 mailboxes".
struct Noun {
  std::string_view kind, before, one, many;
};

constexpr std::array k_nouns{Noun{"domain", "", "domain", "domains"},
                             Noun{"alter", "", "table", "tables"},
                             Noun{"repair", "", "thing to repair", "things to repair"},
                             Noun{"limits", "", "set of limits", "sets of limits"},
                             Noun{"mailbox", "", "mailbox", "mailboxes"},
                             Noun{"file", "", "file", "files"},
                             Noun{"mail", "mail of ", "mailbox", "mailboxes"},
                             Noun{"files", "files of ", "domain", "domains"},
                             Noun{"archive", "archives of ", "list", "lists"},
                             Noun{"convert", "UIDs of ", "mailbox", "mailboxes"},
                             Noun{"autoresponder", "", "autoresponder", "autoresponders"},
                             Noun{"alias", "", "alias", "aliases"},
                             Noun{"list", "", "list", "lists"},
                             Noun{"setting", "", "setting", "settings"},
                             Noun{"default", "", "catch-all", "catch-alls"},
                             Noun{"publish", "", "published name", "published names"},
                             Noun{"alias domain", "", "alias domain", "alias domains"},
                             Noun{"address", "", "address of a list", "addresses of lists"}};

/// `more` stands between the number and the noun.
std::string counted(std::uint64_t count, std::string_view kind, std::string_view more = "") {
  const auto* const found = std::find_if(k_nouns.begin(), k_nouns.end(),
                                         [&](const Noun& noun) { return noun.kind == kind; });
  // Notes have subjects that are no kinds of changes; they are called lines.
  if (found == k_nouns.end())
    return fmt::format("{} {}{} line{}", with_thousands(count), more, kind, count == 1 ? "" : "s");
  return fmt::format("{}{} {}{}", found->before, with_thousands(count), more,
                     count == 1 ? found->one : found->many);
}

std::string mail_text(std::uint64_t messages, std::uint64_t bytes) {
  return fmt::format("{} message{} ({})", with_thousands(messages), messages == 1 ? "" : "s",
                     human_bytes(bytes));
}

struct Row {
  char sign;
  std::string kind, name, detail;
  const Json* changed = nullptr;  ///< fields, one line each
  std::uint64_t messages = 0, bytes = 0;
  bool takes_away = false;    ///< a list that stays and loses addresses
  bool runs_program = false;  ///< one of its delivery lines does, whichever of many it is
  bool is_hidden = false;

  /// Somebody has to read it before it is done.
  [[nodiscard]] bool needs_a_person() const {
    return sign == '!' || sign == '#' || sign == '-' || takes_away;
  }
};

/// "- ADDRESS" of a list.
bool is_taken_away(const Json& field) {
  return !field.value("sensitive", false) && field["after_text"].get<std::string>().empty();
}

constexpr std::size_t k_most_rows = 100, k_first_rows = 20;

class Text {
 public:
  Text(const Json& plan, const TextOptions& options)
      : plan_(plan), options_(options), ruler_(options.locale) {
    // Changes come first and in the order of execution, notes behind them.
    for (const auto& change : plan["changes"]) take_change(change);
    for (const auto& note : plan["notes"])
      rows_.push_back({sign_of_note(note["kind"].get<std::string>()),
                       visible(note["subject"].get<std::string>()),
                       visible(note["name"].get<std::string>()),
                       visible(note["text"].get<std::string>())});
    // Rows are hidden before the columns are measured: a long name that nobody sees makes no room.
    hide_rows();
    for (const auto& row : rows_) {
      if (row.is_hidden) continue;
      kind_width_ = std::max(kind_width_, ruler_.columns(row.kind));
      name_width_ = std::max(name_width_, ruler_.columns(row.name));
    }
    constexpr std::size_t widest_column = 32, least = 8;
    // Most of a narrow terminal is for what stands behind the name.
    const auto widest =
        is_cut() ? std::clamp(options.width / 3, least, widest_column) : widest_column;
    // One very long name must not push the details of all others out of sight.
    name_width_ = std::min(name_width_, widest);
  }

  std::string run() {
    add_folded(fmt::format("{} {} {}", title_of(plan_), arrow(),
                           visible(plan_["server"].get<std::string>())),
               4);
    if (options_.verbose)
      for (const auto& line : plan_["evidence"])
        out_ += fmt::format("    {}\n", visible(line.get<std::string>()));
    const auto head = out_.size();
    add_rows();
    if (options_.verbose) add_legend();
    if (out_.size() > head) out_.insert(head, 1, '\n');
    if (out_.size() > head || !is_brief()) out_ += "\n";
    if (const auto sums = sums_line(plan_); !sums.empty()) add_folded(sums, 2);
    add_folded(summary_line(plan_), 2);
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::string_view arrow() const { return options_.unicode ? "→" : "->"; }
  [[nodiscard]] std::string_view dots() const { return options_.unicode ? "…" : "..."; }
  [[nodiscard]] bool is_brief() const { return options_.brief && !options_.verbose; }
  [[nodiscard]] bool is_cut() const { return options_.width > 0 && !options_.verbose; }

  void take_change(const Json& change) {
    Row row{sign_of(change), visible(change["kind"].get<std::string>()),
            visible(change["name"].get<std::string>()),
            visible(change.value("detail", std::string()))};
    // Kinds without mail have no such numbers.
    row.messages = change.value("messages", std::uint64_t{0});
    row.bytes = change.value("bytes", std::uint64_t{0});
    // The size stands last.
    if (const auto size = human_bytes(row.bytes);
        row.bytes > 0 && row.detail.ends_with(", " + size))
      row.detail.replace(row.detail.size() - size.size() - 2, std::string::npos,
                         fmt::format(" ({})", size));
    if (change.contains("changed")) {
      row.changed = &change["changed"];
      // The fields below the row say it in full.
      row.detail.clear();
      row.takes_away = row.kind == "list" &&
                       std::any_of(row.changed->begin(), row.changed->end(), is_taken_away);
    }
    // What runs a program is always shown, however many rows are alike: it is how a file from
    // elsewhere could do harm.
    row.runs_program = row.detail.starts_with('|') || row.detail.find("; |") != std::string::npos ||
                       row.detail.find("delivers to |") != std::string::npos;
    // A mailbox and its mail are one row to a person, though they are two actions.
    if (row.kind == "mailbox" && row.sign != '-') mailboxes_[row.name] = rows_.size();
    const auto mailbox = row.kind == "mail" ? mailboxes_.find(row.name) : mailboxes_.end();
    if (mailbox == mailboxes_.end()) {
      rows_.push_back(std::move(row));
      return;
    }
    auto& into = rows_[mailbox->second];
    // The mailbox's own words come first, then those of its mail.
    into.detail += (into.detail.empty() ? "" : "; ") + row.detail;
    into.messages += row.messages;
    into.bytes += row.bytes;
  }

  /// All but the first of many alike, unless a person has to read them.
  void hide_rows() {
    if (is_brief())
      for (auto& row : rows_) row.is_hidden = !row.needs_a_person();
    // Who asks for everything gets every row.
    if (is_brief() || options_.verbose) return;
    std::map<Alike, std::size_t> counts;
    for (const auto& row : rows_)
      if (!row.needs_a_person()) ++counts[{row.sign, row.kind}];
    std::map<Alike, std::size_t> shown;
    for (auto& row : rows_) {
      const Alike alike{row.sign, row.kind};
      if (row.needs_a_person() || row.runs_program || counts[alike] <= k_most_rows) continue;
      if (++shown[alike] <= k_first_rows) continue;
      row.is_hidden = true;
      auto& hidden = hidden_[alike];
      ++hidden.rows;
      hidden.messages += row.messages;
      hidden.bytes += row.bytes;
      hidden.last = &row;
    }
  }

  void add_rows() {
    for (const auto& row : rows_) {
      if (!row.is_hidden) {
        add_row(row);
        continue;
      }
      const auto found = hidden_.find({row.sign, row.kind});
      // The line about hidden rows stands where the last of them would.
      if (found == hidden_.end() || found->second.last != &row) continue;
      const auto& hidden = found->second;
      auto text = fmt::format("{} and {}", dots(), counted(hidden.rows, row.kind, "more "));
      if (hidden.messages > 0)
        text += fmt::format(" with {}", mail_text(hidden.messages, hidden.bytes));
      add_line(row.sign, text + " (--verbose shows all)", true);
    }
  }

  void add_row(const Row& row) {
    // Kind and name are columns, whatever scripts the names are written in.
    auto text = fmt::format("{} {}", ruler_.padded(row.kind, kind_width_),
                            ruler_.padded(row.name, name_width_));
    if (!row.detail.empty()) text += "  " + row.detail;
    add_line(row.sign, text, row.needs_a_person());
    if (row.changed != nullptr) add_fields(row);
  }

  /// `is_whole`: folded where others are cut.
  void add_line(char sign, const std::string& text, bool is_whole) {
    // The legend explains what was really used.
    signs_.insert(sign);
    constexpr std::size_t indent = 6, begin = 4;
    auto line = std::string(begin, ' ') + std::string(trim_end(text));
    if (is_cut())
      line = is_whole ? ruler_.folded(line, std::max(options_.width, 2 * indent), indent)
                      : ruler_.cut(line, options_.width, dots());
    // Colour goes around the sign alone, so that cutting a line never cuts an escape sequence.
    const auto shown =
        options_.color ? fmt::format("{}{}\x1b[0m", color_of(sign), sign) : std::string(1, sign);
    out_ += fmt::format("  {} {}\n", shown,
                        line.size() > begin ? std::string_view(line).substr(begin) : "");
  }

  void add_fields(const Row& row) {
    std::map<std::string, std::size_t> added;  // by field
    for (const auto& field : *row.changed) {
      const auto name = field["field"].get<std::string>();
      const bool is_sensitive = field.value("sensitive", false);
      const auto before = is_sensitive ? "" : visible(field["before_text"].get<std::string>());
      const auto after = is_sensitive ? "" : visible(field["after_text"].get<std::string>());
      const bool is_gone = row.takes_away && is_taken_away(field);
      if (is_brief() && !is_gone) continue;
      // Of many additions to one field the first are shown; what is taken away is shown in full.
      if (is_sensitive)
        add_field(name, "changed (not shown)", false);
      else if (before.empty() && (options_.verbose || ++added[name] <= k_first_rows))
        add_field(name, "+ " + after, false);
      else if (!before.empty() && after.empty())
        add_field(name, "- " + before, is_gone);
      else if (!before.empty())
        add_field(name, fmt::format("{} {} {}", before, arrow(), after), false);
    }
    for (const auto& [name, count] : added)
      if (count > k_first_rows)
        add_field(name, fmt::format("+ {} more", with_thousands(count - k_first_rows)), false);
  }

  void add_field(const std::string& name, const std::string& values, bool is_whole) {
    constexpr std::size_t field_width = 15, indent = 8;
    auto line = fmt::format("      {} {}", ruler_.padded(name, field_width), values);
    if (is_cut())
      line = is_whole ? ruler_.folded(line, std::max(options_.width, 2 * indent), indent)
                      : ruler_.cut(line, options_.width, dots());
    out_ += line + "\n";
  }

  void add_folded(const std::string& line, std::size_t indent) {
    const auto width = is_cut() ? std::max(options_.width, 2 * indent) : 0;
    out_ += ruler_.folded(visible(line), width, indent) + "\n";
  }

  void add_legend() {
    constexpr std::array legend{std::pair{'+', "is added"},
                                std::pair{'~', "is changed"},
                                std::pair{'-', "is deleted"},
                                std::pair{'<', "is asked for what is new"},
                                std::pair{'=', "differs and is kept"},
                                std::pair{'#', "changed here and in the file; kept"},
                                std::pair{'?', "is only on the server"},
                                std::pair{'!', "needs a look"}};
    out_ += "\n";
    // Only signs that occur are explained.
    for (const auto& [sign, meaning] : legend)
      if (signs_.contains(sign)) out_ += fmt::format("  {} {}\n", sign, meaning);
  }

  /// Sign and kind of rows that are grouped.
  using Alike = std::pair<char, std::string>;
  struct Hidden {
    std::size_t rows = 0;
    std::uint64_t messages = 0, bytes = 0;
    const Row* last = nullptr;
  };

  const Json& plan_;
  const TextOptions& options_;
  Ruler ruler_;
  std::vector<Row> rows_;
  std::map<std::string, std::size_t> mailboxes_;  ///< rows that mail is joined to
  std::map<Alike, Hidden> hidden_;
  std::string out_;
  std::set<char> signs_;
  std::size_t kind_width_ = 0, name_width_ = 0;
};

}  // namespace

std::string sums_line(const Json& plan) {
  std::vector<std::string> sums;
  for (const auto& [key, verb] :
       {std::pair{"add", "adds"}, std::pair{"change", "changes"}, std::pair{"delete", "deletes"}}) {
    std::vector<std::string> parts;
    for (const auto& [kind, count] : plan["summary"]["by_kind"][key].items())
      parts.push_back(counted(count.get<std::uint64_t>(), kind));
    if (!parts.empty()) sums.push_back(fmt::format("{} {}", verb, join(parts, ", ")));
  }
  if (sums.empty()) return {};
  auto out = join(sums, "; ") + ".";
  out.front() = to_upper(out.substr(0, 1)).front();
  return out;
}

std::string summary_line(const Json& plan) {
  const auto& summary = plan["summary"];
  const auto number = [&](const char* key) { return summary[key].get<std::uint64_t>(); };
  std::string tail;
  if (number("kept") > 0) tail += fmt::format(" {} kept", number("kept"));
  if (number("warnings") > 0)
    tail += fmt::format("{}{} warning{}", tail.empty() ? " " : ", ", number("warnings"),
                        number("warnings") == 1 ? "" : "s");
  // The parts of this line never change their order, since scripts search for them.
  if (!tail.empty()) tail += ".";
  if (plan["changes"].empty() && number("left_out") > 0)
    return fmt::format("Nothing to do of what was asked for: {} change{} left out.{}",
                       number("left_out"), number("left_out") == 1 ? " is" : "s are", tail);
  if (plan["changes"].empty())
    return fmt::format("Nothing to do: {} is as the file says.{}", title_of(plan), tail);
  std::string out = fmt::format("Plan: {} to add, {} to change, {} to delete", number("add"),
                                number("change"), number("delete"));
  if (number("messages") > 0)
    out += fmt::format("; {} to copy", mail_text(number("messages"), number("bytes")));
  return out + "." + tail;
}

std::string to_text(const Json& plan, const TextOptions& options) {
  return Text(plan, options).run();
}

}  // namespace vstate::view
