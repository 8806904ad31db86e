// The file is read table by table, each with the keys that it may have. Nothing stops at the first
// error: whatever is wrong is gathered with line and column, since a file of a thousand mailboxes
// is mended once and not a thousand times. The State is given out only if there was none.

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "document/read/read_parts.h"
#include "document/references.h"
#include "vstate/document/document.h"
#include "vstate/document/secrets.h"

namespace vstate::document {

namespace {

/// Reads a whole document; one method a table.
class Reading {
 public:
  Reading(const std::string& file, Diagnostics& diagnostics, const Selection& selection)
      : file_(file), diagnostics_(diagnostics), selection_(selection) {}

  /// Takes what it reads out of `root`.
  std::optional<State> read(toml::table& root);
  [[nodiscard]] const Places& places() const { return places_; }
  [[nodiscard]] const std::vector<std::string>& unmatched() const { return unmatched_; }

 private:
  /// Calls `each(name, table)` for the sub-tables of `key`, their names checked and unique.
  template <class NameType, class Each>
  void named_tables(toml::table& root, Table& top, std::string_view key, const Keys& keys,
                    Each each);

  std::optional<DomainName> read_domain(const Table& top, const toml::table& node,
                                        std::optional<State>& state);

  const std::string& file_;
  Diagnostics& diagnostics_;
  const Selection& selection_;
  std::vector<std::string> excluded_;   ///< addresses that were passed over
  std::vector<std::string> unmatched_;  ///< patterns
  Places places_;                       ///< of each subject: "mailbox.alice"
};

template <class NameType, class Each>
void Reading::named_tables(toml::table& root, Table& top, std::string_view key, const Keys& keys,
                           Each each) {
  if (top.table(key) == nullptr) return;
  auto& all = *root[key].as_table();
  // In the order of the file, so that of two equal names the second is the one complained about.
  std::vector<std::pair<const toml::key*, toml::node*>> entries;
  entries.reserve(all.size());
  for (auto&& [name, node] : all) entries.emplace_back(&name, &node);
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    const auto left = a.first->source().begin, right = b.first->source().begin;
    return std::pair(left.line, left.column) < std::pair(right.line, right.column);
  });
  std::map<std::string, std::string> seen;
  for (const auto& [name_pointer, node_pointer] : entries) {
    const auto& name = *name_pointer;
    auto& node = *node_pointer;
    // The place of the name is what a person looks for, and not that of the table's first key.
    const auto source = name.source().begin;
    const Place place{file_, source.line, source.column};
    const std::string title = fmt::format("{}.{}", key, name.str());
    // What is excluded is passed over unread, so that a broken entry can be left out.
    if (selection_.excludes(title)) {
      excluded_.push_back(title);
      continue;
    }
    auto* sub = node.as_table();
    if (sub == nullptr) {
      diagnostics_.error(place, fmt::format("{}: is not a table", title));
      continue;
    }
    auto table = top.open(*sub, title, keys);
    auto checked = NameType::parse(name.str());
    if (!checked) {
      // Lists and robots have the names of aliases; the message names what it is here.
      constexpr std::string_view of_alias = "alias name";
      auto what = checked.error().message;
      if (what.rfind(of_alias, 0) == 0)
        what = fmt::format("{} name{}", key, what.substr(of_alias.size()));
      diagnostics_.error(place, std::move(what));
      continue;
    }
    // Lists and robots need a directory of their name, which an alias does not.
    if ((key == "list" || key == "autoresponder") && is_kept_directory(checked->text()))
      diagnostics_.error(place, fmt::format("{} name \"{}\" cannot be a directory of the domain's",
                                            key, name.str()));
    // Names that differ only in case are one name to vpopmail, while TOML keeps them apart.
    const auto [first, is_new] = seen.emplace(checked->text(), name.str());
    if (!is_new) {
      diagnostics_.error(place,
                         fmt::format("{} \"{}\" and \"{}\" are the same name for vpopmail", key,
                                     first->second, name.str()),
                         "keep one of them");
    }
    // A second table of one name is read for its own errors.
    places_.emplace(fmt::format("{}.{}", key, checked->text()), place);
    each(*checked, table);
    // A large file stands in memory only once: what has been read makes room for what is made of
    // it.
    sub->clear();
  }
  all.clear();
}

std::optional<DomainName> Reading::read_domain(const Table& top, const toml::table& node,
                                               std::optional<State>& state) {
  auto table = top.open(node, "domain", k_domain_keys);
  if (!table.require("name")) return std::nullopt;
  const auto text = table.string("name");
  if (!text) return std::nullopt;
  auto name = DomainName::parse(*text);
  if (!name) {
    table.error("name", name.error().message);
    return std::nullopt;
  }
  state.emplace(*name);
  places_["domain"] = table.place();
  if (table.boolean("secrets").value_or(false)) places_[k_secrets_place] = table.place("secrets");
  for (const auto& item : table.strings("aliases")) {
    auto alias = DomainName::parse(item.text);
    if (!alias)
      table.error_at(item.place, alias.error().message);
    else if (*alias == *name)
      table.error_at(item.place,
                     fmt::format("domain.aliases: \"{}\" is the domain itself", item.text));
    else if (!state->aliases.insert(*alias).second)
      table.error_at(item.place, fmt::format("domain.aliases: \"{}\" is named twice", item.text));
  }
  if (table.has("default")) {
    state->default_delivery = table.lines("default");
    places_["domain.default"] = table.place("default");
  }
  state->archive = read_archive(table, "archive", places_);
  state->limits = read_limits(table);
  return *name;
}

std::optional<State> Reading::read(toml::table& root) {
  Table top(root, "", k_top_keys, file_, diagnostics_);
  check_version(top, "vstate");
  std::optional<State> state;
  const auto* domain = top.require("domain") ? top.table("domain") : nullptr;
  std::optional<DomainName> name;
  if (domain != nullptr) name = read_domain(top, *domain, state);
  // What follows is read for its errors even when the domain has none of its own to hold it.
  if (!state) state.emplace(*DomainName::parse("unnamed.invalid"));
  named_tables<MailboxName>(root, top, "mailbox", k_mailbox_keys,
                            [&](const MailboxName& key, Table& table) {
                              state->mailboxes.emplace(key, read_mailbox(table, places_));
                            });
  named_tables<AliasName>(root, top, "alias", k_alias_keys,
                          [&](const AliasName& key, Table& table) {
                            Alias alias;
                            if (table.require("deliver")) alias.deliver = table.lines("deliver");
                            alias.forwards_only = table.boolean("forwards_only").value_or(false);
                            // qmail reads .qmail-default for it, which is not an alias like others.
                            if (key.text() == "default")
                              table.error("deliver", "the catch-all is domain.default");
                            state->alias.emplace(key, std::move(alias));
                          });
  named_tables<AliasName>(root, top, "autoresponder", k_autoresponder_keys,
                          [&](const AliasName& key, Table& table) {
                            state->autoresponders.emplace(key, read_autoresponder(table));
                          });
  named_tables<AliasName>(root, top, "list", k_list_keys, [&](const AliasName& key, Table& table) {
    state->lists.emplace(key, read_list(table, key.text(), places_));
  });
  read_files(top, *state, places_);
  state->left_out = read_left_out(top);
  // Patterns are compared before the exclusion takes away what they match.
  unmatched_ = patterns_without_match(*state, excluded_, selection_);
  *state = without_excluded(std::move(*state), selection_);
  // References come last, when all that could be named has been read and what is excluded is gone.
  check_references(*state, file_, places_, diagnostics_);
  return state;
}

}  // namespace

std::optional<State> read(std::string_view text, const std::string& file_name,
                          Diagnostics& diagnostics, Places* places, const Selection& selection,
                          std::vector<std::string>* unmatched) {
  auto root = parse_toml(text, file_name, diagnostics);
  if (!root) return std::nullopt;
  // Other files may have had errors before; only those of this one count.
  const auto errors = diagnostics.error_count();
  // The places are given out even with errors, so that others can point at lines.
  Reading reading(file_name, diagnostics, selection);
  auto state = reading.read(*root);
  if (places != nullptr) *places = reading.places();
  if (unmatched != nullptr) *unmatched = reading.unmatched();
  if (diagnostics.error_count() > errors) return std::nullopt;
  return state;
}

}  // namespace vstate::document
