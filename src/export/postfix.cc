// Postfix's maps and postfixadmin's rows, of one State. What has no counterpart there (programs,
// robots, lists) stands as a comment beside the address, so that whoever moves sees what is left to
// do by hand.

#include <fmt/format.h>

#include "export/export.h"
#include "vstate/base/text.h"
#include "vstate/model/template.h"

namespace vstate::exports {

namespace {

/// Where delivery lines send mail, as far as addresses say it.
struct Targets {
  std::vector<std::string> addresses, others;
  bool keeps_copy = false;
};

Targets targets_of(const DeliveryLines& lines, LineReader reader) {
  Targets out;
  for (std::size_t at = 0; at < lines.size(); ++at) {
    const auto parsed = parse_delivery(lines[at], reader, at == 0);
    // A mailbox's own Maildir line means a copy for itself; another Maildir is a place that Postfix
    // does not know.
    if (parsed.kind == DeliveryKind::forward)
      out.addresses.push_back(parsed.argument);
    else if (parsed.kind == DeliveryKind::maildir && reader == LineReader::vdelivermail)
      out.keeps_copy = true;
    else if (parsed.kind != DeliveryKind::nothing)
      out.others.push_back(lines[at]);
  }
  return out;
}

/// The address that the catch-all forwards to; empty if it does something else.
std::string catch_all_of(const State& state) {
  if (!state.default_delivery) return "";
  for (const auto& line : *state.default_delivery) {
    const auto at = line.find("vdelivermail '' ");
    constexpr std::size_t skipped = 16;
    // The third word of vdelivermail's line is an address, unless a "$" makes the shell compute it.
    if (at != std::string::npos && line.find('@', at) != std::string::npos &&
        line.find('$') == std::string::npos)
      return line.substr(at + skipped);
    const auto parsed = parse_delivery(line, LineReader::qmail_local, false);
    if (parsed.kind == DeliveryKind::forward) return parsed.argument;
  }
  return "";
}

/// MySQL takes a backslash for the beginning of an escape.
std::string quoted(std::string_view text) {
  return "'" + replace_all(replace_all(std::string(text), "\\", "\\\\"), "'", "''") + "'";
}

class Postfix {
 public:
  explicit Postfix(const State& state) : state_(state), domain_(state.name.text()) {}

  Files run() {
    files_["virtual_mailbox_domains"] = domain_ + " OK\n";
    row("domain", "domain, description, active", {domain_, "", "1"});
    for (const auto& alias : state_.aliases) {
      alias_line("@" + alias.text(), {"@" + domain_});
      row("alias_domain", "alias_domain, target_domain, active", {alias.text(), domain_, "1"});
    }
    for (const auto& [name, mailbox] : state_.mailboxes) add_mailbox(name.text(), mailbox);
    for (const auto& [name, alias] : state_.alias)
      add_alias(name.text(), targets_of(alias.deliver, LineReader::qmail_local));
    for (const auto& [name, robot] : state_.autoresponders) {
      auto targets = targets_of(robot.copy_to, LineReader::qmail_local);
      targets.others.emplace_back("an autoresponder");
      add_alias(name.text(), targets);
    }
    for (const auto& [name, list] : state_.lists)
      comment(address(name.text()) + ": is an ezmlm list of " +
              std::to_string(list.addresses.contains("") ? list.addresses.at("").size() : 0) +
              " subscribers");
    if (const auto target = catch_all_of(state_); !target.empty()) {
      alias_line("@" + domain_, {target});
      row("alias", "address, goto, domain, active", {"@" + domain_, target, domain_, "1"});
    }
    return std::move(files_);
  }

 private:
  [[nodiscard]] std::string address(const std::string& name) const { return name + "@" + domain_; }
  void comment(const std::string& text) {
    files_["virtual_alias_maps"] += "# " + visible(text) + "\n";
  }
  void alias_line(const std::string& from, const std::vector<std::string>& to) {
    files_["virtual_alias_maps"] += fmt::format("{} {}\n", from, join(to, ", "));
  }
  void row(const std::string& table, const std::string& columns,
           const std::vector<std::string>& values) {
    std::vector<std::string> texts;
    texts.reserve(values.size());
    for (const auto& value : values) texts.push_back(quoted(value));
    files_["postfixadmin.sql"] +=
        fmt::format("INSERT INTO {} ({}) VALUES ({});\n", table, columns, join(texts, ", "));
  }

  void add_mailbox(const std::string& name, const Mailbox& mailbox) {
    // The slash at the end makes it a Maildir for Postfix.
    const auto place = fmt::format("{}/{}/", domain_, name);
    files_["virtual_mailbox_maps"] += fmt::format("{} {}\n", address(name), place);
    const auto gecos = expand_pathless(mailbox.gecos).value_or(mailbox.gecos);
    const bool is_active = (mailbox.flags & flag::bounce_mail) == 0;
    row("mailbox", "username, password, name, maildir, quota, local_part, domain, active",
        {address(name), mailbox.password.reveal(), gecos, place,
         std::to_string(mailbox.quota.bytes), name, domain_, is_active ? "1" : "0"});
    auto targets = targets_of(mailbox.deliver, LineReader::vdelivermail);
    // postfixadmin wants an alias for each mailbox.
    if (mailbox.deliver.empty() || targets.keeps_copy)
      targets.addresses.insert(targets.addresses.begin(), address(name));
    if (mailbox.vacation) targets.others.emplace_back("a vacation message");
    add_alias(name, targets);
  }

  void add_alias(const std::string& name, const Targets& targets) {
    // What is not carried is said before the line that is.
    for (const auto& other : targets.others)
      comment(fmt::format("{}: not carried: {}", address(name), other));
    if (targets.addresses.empty()) return;
    alias_line(address(name), targets.addresses);
    row("alias", "address, goto, domain, active",
        {address(name), join(targets.addresses, ","), domain_, "1"});
  }

  const State& state_;
  const std::string& domain_;
  Files files_;
};

}  // namespace

Files postfix(const Input& input) { return Postfix(input.state).run(); }

}  // namespace vstate::exports
