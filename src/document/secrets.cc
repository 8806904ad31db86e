// The open text is that of a state without secrets. What is secret has a short list, of which the
// reader of a domain file knows each: nothing else may stand in a file of secrets.

#include "vstate/document/secrets.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "document/read/read_parts.h"
#include "document/writer.h"
#include "vstate/base/text.h"
#include "vstate/document/document.h"

namespace vstate::document {

namespace {

/// Files of a list that name a database, with the password for it (ezmlm's subdb, sub-sql).
constexpr std::array k_secret_files{"sql", "subdb"};
const Keys k_secrets_keys{"vstate_secrets", "domain", "mailbox", "list"};
const Keys k_mailbox_secrets{"password", "unusable_password", "clear_password"};
const Keys k_list_secrets{"key", "files"};
const Keys k_file_secrets{k_secret_files.begin(), k_secret_files.end()};

void take_secrets_away(State& state) {
  for (auto& [name, mailbox] : state.mailboxes) {
    mailbox.password = Secret();
    mailbox.clear_password.reset();
  }
  for (auto& [name, list] : state.lists) {
    list.key = Secret();
    for (const auto* file : k_secret_files) list.files.erase(file);
  }
}

bool has_secrets(const Mailbox& mailbox) {
  return !mailbox.password.empty() || mailbox.clear_password;
}

bool has_secrets(const List& list) {
  return !list.key.empty() ||
         std::any_of(k_secret_files.begin(), k_secret_files.end(),
                     [&](const auto* file) { return list.files.contains(file); });
}

std::string write_secrets(const State& state) {
  Writer out;
  out.raw("vstate_secrets = 1\n");
  out.value("domain", quoted(state.name.text()));
  for (const auto& [name, mailbox] : state.mailboxes) {
    out.table("mailbox", name.text());
    write_passwords(out, mailbox);
  }
  for (const auto& [name, list] : state.lists) {
    if (!has_secrets(list)) continue;
    out.table("list", name.text());
    out.text("key", list.key.reveal());
    const bool has_file =
        std::any_of(k_secret_files.begin(), k_secret_files.end(),
                    [&list = list](const auto* f) { return list.files.contains(f); });
    if (has_file) out.table("list", name.text(), "files");
    for (const auto* file : k_secret_files)
      if (const auto found = list.files.find(file); found != list.files.end())
        out.value(file, text_value(found->second));
  }
  return out.take();
}

class ReadingSecrets {
 public:
  ReadingSecrets(State& state, const Selection& selection, std::string file,
                 Diagnostics& diagnostics)
      : state_(state), selection_(selection), file_(std::move(file)), diagnostics_(diagnostics) {}

  void read(const toml::table& root) {
    Table top(root, "", k_secrets_keys, file_, diagnostics_);
    if (top.require("vstate_secrets") && top.number("vstate_secrets").value_or(1) != 1)
      top.error("vstate_secrets", "is a version that is not known to this program");
    const auto domain = top.require("domain") ? top.string("domain") : std::nullopt;
    if (domain && to_lower(*domain) != state_.name.text())
      top.error("domain", fmt::format("is {}, and the other file is of {}", visible(*domain),
                                      state_.name.text()));
    std::set<MailboxName> named;
    each<MailboxName>(top, "mailbox", k_mailbox_secrets, state_.mailboxes,
                      [&](const MailboxName& name, Mailbox& mailbox, Table& table) {
                        named.insert(name);
                        read_passwords(table, mailbox);
                      });
    each<AliasName>(top, "list", k_list_secrets, state_.lists,
                    [&](const AliasName&, List& list, Table& table) { read_list(list, table); });
    for (const auto& [name, mailbox] : state_.mailboxes)
      if (!named.contains(name))
        diagnostics_.error({file_, 0, 0}, fmt::format("mailbox.{}: is not named", name.text()),
                           "take the file that was dumped with the other one");
  }

 private:
  template <class Name, class Thing, class Read>
  void each(Table& top, std::string_view kind, const Keys& keys, std::map<Name, Thing>& things,
            const Read& read) {
    const auto* all = top.table(kind);
    if (all == nullptr) return;
    for (const auto& [key, node] : *all) {
      const auto title = fmt::format("{}.{}", kind, key.str());
      if (selection_.excludes(title)) continue;
      const auto name = Name::parse(key.str());
      const auto found = name ? things.find(*name) : things.end();
      const auto place = top.place_of(node);
      if (node.as_table() == nullptr || found == things.end())
        top.error_at(place, fmt::format("{}: is not in the other file", title));
      else if (has_secrets(found->second))
        top.error_at(place, fmt::format("{}: has secrets in the other file too", title));
      if (node.as_table() == nullptr || found == things.end()) continue;
      auto table = top.open(*node.as_table(), title, keys);
      read(found->first, found->second, table);
    }
  }
  static void read_list(List& list, Table& table) {
    read_key(table, list);
    const auto* files = table.table("files");
    if (files == nullptr) return;
    auto sub = table.open(*files, table.title() + ".files", k_file_secrets);
    for (const auto* file : k_secret_files)
      if (auto text = sub.text(file)) list.files.insert_or_assign(file, *std::move(text));
  }

  State& state_;
  const Selection& selection_;
  const std::string file_;
  Diagnostics& diagnostics_;
};

}  // namespace

SplitText write_split(const State& state) {
  auto open = state;
  take_secrets_away(open);
  return {.open = write(open, Secrets::elsewhere), .secrets = write_secrets(state)};
}

bool add_secrets(State& state, std::string_view text, const std::string& file_name,
                 const Selection& selection, Diagnostics& diagnostics) {
  const auto errors = diagnostics.error_count();
  const auto root = parse_toml(text, file_name, diagnostics);
  if (root) ReadingSecrets(state, selection, file_name, diagnostics).read(*root);
  return diagnostics.error_count() == errors;
}

}  // namespace vstate::document
