#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "vstate/base/text.h"
#include "vstate/view/plan_view.h"

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
  const auto& verb = change["actions"][0];
  return verb == "create" ? '+' : verb == "update" ? '~' : verb == "read" ? '<' : '-';
}

char sign_of_note(const std::string& kind) {
  return kind == "kept" ? '=' : kind == "conflict" ? '#' : kind == "here_only" ? '?' : '!';
}

/// Columns as a terminal counts them: a UTF-8 sequence is one.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string padded(std::string text, std::size_t width) {
  const auto now = width_of(text);
  if (now < width) text.append(width - now, ' ');
  return text;
}

class Text {
 public:
  Text(const Json& plan, const TextOptions& options) : plan_(plan), options_(options) {
    for (const auto* list : {"changes", "notes"})
      for (const auto& item : plan[list]) {
        constexpr std::size_t widest_column = 32;
        kind_width_ = std::max(kind_width_, width_of(kind_of(item)));
        name_width_ = std::max(name_width_, std::min(widest_column, width_of(name_of(item))));
      }
  }

  std::string run() {
    out_ = fmt::format("{} {} {}\n", plan_["domain"].get<std::string>(), arrow(),
                       plan_["server"].get<std::string>());
    if (options_.verbose)
      for (const auto& line : plan_["evidence"])
        out_ += fmt::format("    {}\n", line.get<std::string>());
    if (!plan_["changes"].empty() || !plan_["notes"].empty()) out_ += "\n";
    for (const auto& change : plan_["changes"]) add_change(change);
    for (const auto& note : plan_["notes"])
      add_row(sign_of_note(note["kind"].get<std::string>()), note["subject"].get<std::string>(),
              note["name"].get<std::string>(), visible(note["text"].get<std::string>()));
    if (options_.verbose) add_legend();
    out_ += fmt::format("\n{}\n", summary_line(plan_));
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::string_view arrow() const { return options_.unicode ? "→" : "->"; }
  [[nodiscard]] static std::string kind_of(const Json& item) {
    return item.contains("subject") ? item["subject"].get<std::string>()
                                    : item["kind"].get<std::string>();
  }
  [[nodiscard]] static std::string name_of(const Json& item) {
    return visible(item["name"].get<std::string>());
  }

  void add_row(char sign, const std::string& kind, const std::string& name,
               const std::string& detail) {
    signs_.insert(sign);
    const std::string shown =
        options_.color ? fmt::format("{}{}\x1b[0m", color_of(sign), sign) : std::string(1, sign);
    std::string row = fmt::format("  {} {} {}", shown, padded(kind, kind_width_),
                                  padded(visible(name), name_width_));
    if (!detail.empty()) row += "  " + detail;
    out_ += std::string(trim_end(row)) + "\n";
  }

  void add_change(const Json& change) {
    const char sign = sign_of(change);
    const bool has_fields = change.contains("changed");
    const auto detail = has_fields || !change.contains("detail")
                            ? std::string()
                            : visible(change["detail"].get<std::string>());
    add_row(sign, change["kind"].get<std::string>(), change["name"].get<std::string>(), detail);
    if (!has_fields) return;
    for (const auto& field : change["changed"]) {
      std::string values = "changed (not shown)";
      if (!field.value("sensitive", false)) {
        const auto before = visible(field["before"].get<std::string>());
        const auto after = visible(field["after"].get<std::string>());
        if (before.empty())
          values = "+ " + after;
        else if (after.empty())
          values = "- " + before;
        else
          values = fmt::format("{} {} {}", before, arrow(), after);
      }
      constexpr std::size_t field_width = 15;
      out_ += fmt::format("      {} {}\n", padded(field["field"].get<std::string>(), field_width),
                          values);
    }
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
    for (const auto& [sign, meaning] : legend)
      if (signs_.contains(sign)) out_ += fmt::format("  {} {}\n", sign, meaning);
  }

  const Json& plan_;
  const TextOptions& options_;
  std::string out_;
  std::set<char> signs_;
  std::size_t kind_width_ = 0, name_width_ = 0;
};

}  // namespace

std::string summary_line(const Json& plan) {
  const auto& summary = plan["summary"];
  const auto number = [&](const char* key) { return summary[key].get<std::uint64_t>(); };
  std::string tail;
  if (number("kept") > 0) tail += fmt::format(" {} kept", number("kept"));
  if (number("warnings") > 0)
    tail += fmt::format("{}{} warning{}", tail.empty() ? " " : ", ", number("warnings"),
                        number("warnings") == 1 ? "" : "s");
  if (!tail.empty()) tail += ".";
  if (plan["changes"].empty() && number("left_out") > 0)
    return fmt::format("Nothing to do of what was asked for: {} change{} left out.{}",
                       number("left_out"), number("left_out") == 1 ? " is" : "s are", tail);
  if (plan["changes"].empty())
    return fmt::format("Nothing to do: {} is as the file says.{}",
                       plan["domain"].get<std::string>(), tail);
  std::string out = fmt::format("Plan: {} to add, {} to change, {} to delete", number("add"),
                                number("change"), number("delete"));
  if (number("messages") > 0)
    out += fmt::format("; {} message{} ({}) to copy", with_thousands(number("messages")),
                       number("messages") == 1 ? "" : "s", human_bytes(number("bytes")));
  return out + "." + tail;
}

std::string to_text(const Json& plan, const TextOptions& options) {
  return Text(plan, options).run();
}

}  // namespace vstate::view
