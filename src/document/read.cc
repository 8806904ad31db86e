// The file is read table by table, each with the keys that it may have. Nothing stops at the first
// error: whatever is wrong is gathered with line and column, since a file of a thousand mailboxes
// is mended once and not a thousand times. The State is given out only if there was none.

#include <algorithm>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "document/reader.h"
#include "document/references.h"
#include "vstate/base/text.h"
#include "vstate/document/document.h"
#include "vstate/model/template.h"

namespace vstate::document {

namespace {

/// A relative path that leads nowhere else.
bool is_path_below(std::string_view path) {
  const auto parts = split(path, '/');
  // An empty part comes of a slash in front, at the end, or beside another one.
  return path.find('\0') == std::string_view::npos &&
         std::none_of(parts.begin(), parts.end(), [](std::string_view part) {
           return part.empty() || part == "." || part == "..";
         });
}

/// Reads a whole document; one method a table.
class Reading {
 public:
  Reading(const std::string& file, Diagnostics& diagnostics, const Selection& selection)
      : file_(file), diagnostics_(diagnostics), selection_(selection) {}

  std::optional<State> read(const toml::table& root);
  [[nodiscard]] const Places& places() const { return places_; }
  [[nodiscard]] const std::vector<std::string>& unmatched() const { return unmatched_; }

 private:
  Table open(const toml::table& table, std::string title, const Keys& keys) {
    return {table, std::move(title), keys, file_, diagnostics_};
  }
  /// Calls `each(name, table)` for the sub-tables of `key`, their names checked and unique.
  template <class NameType, class Each>
  void named_tables(Table& top, std::string_view key, const Keys& keys, Each each);

  std::optional<DomainName> read_domain(const toml::table& table, std::optional<State>& state);
  void read_limits(Table& domain, State& state);
  Secret read_password(Table& table);
  Mailbox read_mailbox(Table& table);
  Quota read_quota(Table& mailbox);
  Flags read_flags(Table& mailbox);
  std::optional<LastLogin> read_login(Table& mailbox);
  ArchivePart read_part(Table& table);
  std::optional<ArchiveRef> read_archive(Table& owner, std::string_view key);
  Autoresponder read_autoresponder(Table& table);
  List read_list(Table& table, const std::string& name);
  void read_addresses(Table& list, std::string_view key, std::set<std::string>& out);
  std::map<std::string, std::string> read_text_map(Table& owner, std::string_view key,
                                                   std::string_view what, bool is_template);
  void read_files(Table& top, State& state);
  void read_file(Table& table, State& state);
  void read_left_out(Table& top, State& state);

  const std::string& file_;
  Diagnostics& diagnostics_;
  const Selection& selection_;
  std::vector<std::string> excluded_;    ///< addresses that were passed over
  std::vector<std::string> unmatched_;   ///< patterns
  std::map<std::string, Place> places_;  ///< of each subject: "mailbox.alice"
};

template <class NameType, class Each>
void Reading::named_tables(Table& top, std::string_view key, const Keys& keys, Each each) {
  const auto* all = top.table(key);
  if (all == nullptr) return;
  // In the order of the file, so that of two equal names the second is the one complained about.
  std::vector<std::pair<const toml::key*, const toml::node*>> entries;
  entries.reserve(all->size());
  for (const auto& [name, node] : *all) entries.emplace_back(&name, &node);
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    const auto left = a.first->source().begin, right = b.first->source().begin;
    return std::pair(left.line, left.column) < std::pair(right.line, right.column);
  });
  std::map<std::string, std::string> seen;
  for (const auto& [name_pointer, node_pointer] : entries) {
    const auto& name = *name_pointer;
    const auto& node = *node_pointer;
    // The place of the name is what a person looks for, and not that of the table's first key.
    const auto source = name.source().begin;
    const Place place{file_, source.line, source.column};
    const std::string title = fmt::format("{}.{}", key, name.str());
    // What is excluded is passed over unread, so that a broken entry can be left out.
    if (selection_.excludes(title)) {
      excluded_.push_back(title);
      continue;
    }
    const auto* sub = node.as_table();
    if (sub == nullptr) {
      diagnostics_.error(place, fmt::format("{}: is not a table", title));
      continue;
    }
    auto table = open(*sub, title, keys);
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
  }
}

ArchivePart Reading::read_part(Table& table) {
  places_[table.title()] = table.place("archive");
  ArchivePart part;
  // Without a path or a digest the archive cannot be told from another, so both must be there.
  if (table.require("archive")) part.archive = table.bytes("archive").value_or("");
  part.messages = static_cast<std::uint64_t>(table.number("messages").value_or(0));
  part.bytes = static_cast<std::uint64_t>(table.number("bytes").value_or(0));
  if (table.require("sha256")) part.sha256 = table.string("sha256").value_or("");
  const auto& path = part.archive;
  const auto names = split(path, '/');
  // A file may come from elsewhere, and must not make an apply read archives outside of its
  // directory.
  if (table.has("archive") && (path.empty() || path.front() == '/' ||
                               std::find(names.begin(), names.end(), "..") != names.end()))
    table.error("archive", "must be a path below the archives' directory");
  if (path.find('\0') != std::string::npos) table.error("archive", "holds a NUL");
  const bool is_digest = part.sha256.size() == 64 &&
                         part.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (table.has("sha256") && !is_digest)
    table.error("sha256", "is not a digest of 64 lower-case hexadecimal digits");
  return part;
}

std::optional<ArchiveRef> Reading::read_archive(Table& owner, std::string_view key) {
  const auto* node = owner.table(key);
  if (node == nullptr) return std::nullopt;
  auto table = open(*node, fmt::format("{}.{}", owner.title(), key), k_archive_keys);
  ArchiveRef archive{read_part(table), {}};
  const auto* increments = table.node().get("increments");
  if (increments == nullptr) return archive;
  // An empty array is no array of tables to the TOML library, and is a valid list of no increments.
  if (!increments->is_array_of_tables() &&
      !(increments->is_array() && increments->as_array()->empty())) {
    table.error("increments", "is not an array of tables", "write [ { archive = … }, … ]");
    return archive;
  }
  for (const auto& item : *increments->as_array()) {
    auto part = open(*item.as_table(),
                     fmt::format("{}.increments[{}]", table.title(), archive.increments.size()),
                     k_part_keys);
    archive.increments.push_back(read_part(part));
  }
  return archive;
}

Quota Reading::read_quota(Table& mailbox) {
  Quota quota;
  const auto* node = mailbox.table("quota");
  if (node == nullptr) return quota;
  auto table = open(*node, mailbox.title() + ".quota", k_quota_keys);
  // A limit of 0 would read as none to vpopmail, so it cannot be written as a limit.
  quota.bytes = static_cast<std::uint64_t>(table.number("bytes", 1).value_or(0));
  quota.messages = static_cast<std::uint64_t>(table.number("messages", 1).value_or(0));
  if (!table.has("bytes") && !table.has("messages"))
    mailbox.error("quota", "names neither bytes nor messages", "leave quota out for no quota");
  if (!fits_vpopmail(quota))
    mailbox.error("quota",
                  fmt::format("\"{}\" is longer than the 20 characters that vpopmail keeps",
                              to_vpopmail(quota)));
  return quota;
}

Flags Reading::read_flags(Table& mailbox) {
  Flags flags = 0;
  for (const auto& item : mailbox.strings("disable")) {
    const auto bit = denial_named(item.text);
    if (bit)
      flags |= *bit;
    else
      mailbox.error_at(item.place, fmt::format("{}.disable: there is no service \"{}\"",
                                               mailbox.title(), item.text));
  }
  for (const auto& item : mailbox.strings("flags")) {
    const auto bit = flag_named(item.text);
    if (bit)
      flags |= *bit;
    else
      mailbox.error_at(
          item.place, fmt::format("{}.flags: there is no flag \"{}\"", mailbox.title(), item.text));
  }
  return flags;
}

std::optional<LastLogin> Reading::read_login(Table& mailbox) {
  // vpopmail has one field for both: an account that never logged in holds the time of its
  // creation, with this address.
  if (const auto created = mailbox.time("created")) {
    if (mailbox.has("last_login"))
      mailbox.error("created", "stands beside last_login", "keep one of them");
    return LastLogin{*created, "0.0.0.0"};
  }
  const auto* node = mailbox.table("last_login");
  if (node == nullptr) return std::nullopt;
  auto table = open(*node, mailbox.title() + ".last_login", k_login_keys);
  LastLogin login;
  if (table.require("at")) login.at = table.time("at").value_or(0);
  login.from = table.bytes("from").value_or("");
  return login;
}

/// A hash, or what a server has in its place: dump writes the latter under a name of its own, so
/// that a clear-text password that somebody wrote into the file is not taken for one.
Secret Reading::read_password(Table& table) {
  const auto hash = table.bytes("password");
  const auto unusable = table.bytes("unusable_password");
  if (hash && unusable)
    table.error("unusable_password", "stands beside password", "keep one of them");
  if (unusable) return Secret(*unusable);
  Secret password(hash.value_or(""));
  if (password.reveal().find('\0') != std::string::npos) return password;  // an error by itself
  if (kind_of(password) == PasswordKind::unusable)
    table.error("password",
                "is no hash of crypt(3), or one that was cut off; nobody could log in with it",
                "make one with openssl passwd -6, or name it unusable_password");
  return password;
}

Mailbox Reading::read_mailbox(Table& table) {
  Mailbox mailbox;
  const auto refuse_nul = [&](std::string_view key, std::string_view value) {
    if (value.find('\0') != std::string_view::npos)
      table.error(key, "holds a NUL, which no server can hold");
  };
  mailbox.password = read_password(table);
  refuse_nul("password", mailbox.password.reveal());
  if (auto clear = table.bytes("clear_password")) {
    refuse_nul("clear_password", *clear);
    mailbox.clear_password = Secret(std::move(*clear));
  }
  mailbox.is_apop = table.boolean("apop").value_or(false);
  mailbox.gecos = table.text("gecos").value_or("");
  // A gecos names no path, but a byte that is no UTF-8 may be spelt in it; a broken template was
  // reported when the text was read.
  if (const auto literal = expand_pathless(mailbox.gecos))
    refuse_nul("gecos", *literal);
  else if (check_template(mailbox.gecos).empty())
    table.error("gecos", literal.error().message);
  mailbox.quota = read_quota(table);
  mailbox.flags = read_flags(table);
  mailbox.deliver = table.lines("deliver");
  mailbox.vacation = table.text("vacation");
  mailbox.last_login = read_login(table);
  mailbox.mail = read_archive(table, "mail");
  return mailbox;
}

void Reading::read_limits(Table& domain, State& state) {
  const auto* node = domain.table("limits");
  if (node == nullptr) return;
  // The keys come from the table of limits, so that neither can lack one of the other's.
  static const Keys keys = [] {
    Keys out{"disable"};
    for (const auto& name : limit_names())
      if (name.kind != LimitKind::denial) out.push_back(name.document_key);
    return out;
  }();
  auto table = open(*node, "domain.limits", keys);
  Limits limits;
  for (const auto& name : limit_names()) {
    if (name.kind == LimitKind::denial) continue;
    // A count of -1 is vpopmail's word for no limit; nothing else may be below 0.
    const auto value = table.number(name.document_key, name.kind == LimitKind::count ? -1 : 0);
    if (!value) continue;
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    if (name.kind == LimitKind::count && *value > most)
      table.error(name.document_key, fmt::format("is {}, vpopmail counts to {}", *value, most));
    if (name.maximum > 0 && *value > name.maximum)
      table.error(name.document_key,
                  fmt::format("is {}, at most {} has a meaning", *value, name.maximum));
    // A value that says what an absent one says is not kept, or two equal servers would differ.
    if (*value != name.unset) limits[std::string(name.file_key)] = *value;
  }
  for (const auto& item : table.strings("disable")) {
    const auto& names = limit_names();
    const auto found = std::find_if(names.begin(), names.end(), [&](const LimitName& name) {
      return name.kind == LimitKind::denial && name.document_key == item.text;
    });
    if (found == names.end())
      table.error_at(item.place,
                     fmt::format("domain.limits.disable: there is no service \"{}\"", item.text));
    else
      limits[std::string(found->file_key)] = 1;
  }
  // An empty table is a domain with a file of limits that limits nothing, which is something else
  // than none.
  state.limits = limits;
}

std::optional<DomainName> Reading::read_domain(const toml::table& node,
                                               std::optional<State>& state) {
  auto table = open(node, "domain", k_domain_keys);
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
  state->archive = read_archive(table, "archive");
  read_limits(table, *state);
  return *name;
}

Autoresponder Reading::read_autoresponder(Table& table) {
  Autoresponder robot;
  if (table.require("message")) robot.message = table.text("message").value_or("");
  robot.copy_to = table.lines("copy_to");
  robot.program = table.text("program").value_or("");
  if (has_line_end(robot.program)) table.error("program", "is more than one line");
  if (table.require("limit")) {
    if (const auto* node = table.table("limit")) {
      auto limit = open(*node, table.title() + ".limit", k_limit_keys);
      if (limit.require("replies"))
        robot.replies = static_cast<std::uint64_t>(limit.number("replies").value_or(0));
      if (limit.require("seconds"))
        robot.seconds = static_cast<std::uint64_t>(limit.number("seconds").value_or(0));
    }
  }
  // A program or a mailbox's path here would run beside the robot without being shown as such.
  for (const auto& line : robot.copy_to)
    if (parse_delivery(line, LineReader::qmail_local, false).kind != DeliveryKind::forward)
      table.error("copy_to", fmt::format("\"{}\" is not a forward", line));
  return robot;
}

void Reading::read_addresses(Table& list, std::string_view key, std::set<std::string>& out) {
  for (const auto& item : list.byte_strings(key)) {
    const auto what =
        fmt::format("{}.{}: \"{}\"", list.title(), key, visible(spell_bytes(item.text)));
    // An entry that is no address is a warning only: ezmlm takes any text, and servers have such
    // entries.
    if (item.text.empty() || item.text.find('\0') != std::string::npos || item.text.size() > 400)
      list.error_at(item.place, what + " cannot be a subscriber (1 to 400 bytes, no NUL)");
    else if (!out.insert(item.text).second)
      list.error_at(item.place, what + " is named twice");
    else if (item.text.find('@') == std::string::npos)
      diagnostics_.warning(item.place, what + " is not an address");
  }
}

std::map<std::string, std::string> Reading::read_text_map(Table& owner, std::string_view key,
                                                          std::string_view what, bool is_template) {
  std::map<std::string, std::string> out;
  const auto* node = owner.table(key);
  if (node == nullptr) return out;
  for (const auto& [name, value] : *node) {
    const auto title = fmt::format("{}.{}.{}", owner.title(), key, name.str());
    const auto* text = value.as_string();
    if (text == nullptr) {
      owner.error_at(owner.place_of(value), fmt::format("{}: is not a string", title));
    } else if (const auto path = read_bytes(name.str()); !path.empty() && !is_path_below(path)) {
      owner.error_at(owner.place_of(value), fmt::format("{}: is not {}", title, what));
    } else if (!is_template && !is_path_below(read_bytes(text->get()))) {
      owner.error_at(owner.place_of(value),
                     fmt::format("{}: \"{}\" is not {}", title, text->get(), what));
    } else {
      if (is_template) owner.check_text(text->get(), owner.place_of(value), title);
      out[read_bytes(name.str())] = is_template ? text->get() : read_bytes(text->get());
    }
  }
  return out;
}

List Reading::read_list(Table& table, const std::string& name) {
  List list;
  for (const auto& item : table.byte_strings("options")) {
    // An option is an empty file directly in the list's directory, so its name must be one
    // component.
    if (item.text.empty() || item.text.find('/') != std::string::npos || item.text.front() == '.')
      table.error_at(item.place, fmt::format("{}.options: \"{}\" is not the name of a file",
                                             table.title(), item.text));
    list.options.insert(item.text);
  }
  for (const auto& sublist : k_sublists) {
    // A key that is there and empty makes the directory all the same: it is how a list without
    // moderators yet may look.
    if (!table.has(sublist.key)) continue;
    read_addresses(table, sublist.key, list.addresses[std::string(sublist.directory)]);
    places_[fmt::format("list.{}.{}", name, sublist.key)] = table.place(sublist.key);
  }
  // ezmlm allows further sub-lists of any name, so these keys are not known beforehand.
  if (const auto* others = table.table("others")) {
    Keys keys;
    for (const auto& [key, node] : *others) keys.push_back(key.str());
    // The keys are those that are there: whatever stands in this table is a sub-list.
    auto sub = open(*others, table.title() + ".others", keys);
    for (const auto key : keys) {
      if (!is_path_below(read_bytes(key))) sub.error(key, "is not a path in the list's directory");
      read_addresses(sub, key, list.addresses[read_bytes(key)]);
    }
  }
  list.key = Secret(table.string("key").value_or(""));
  if (!base64_decode(list.key.reveal())) table.error("key", "is not base64");
  list.files = read_text_map(table, "files", "a path in the list's directory", true);
  list.links = read_text_map(table, "links", "a path in the list's directory", false);
  list.archive = read_archive(table, "archive");
  return list;
}

void Reading::read_file(Table& table, State& state) {
  if (!table.require("path")) return;
  // The path is a template, since it may lie in a mailbox's home.
  const auto path = table.text("path").value_or("");
  if (const auto problem = path_problem(path); !problem.empty()) {
    table.error("path", fmt::format("\"{}\" {}", path, problem));
    return;
  }
  File file;
  int kinds = 0;
  for (const std::string_view key : {"text", "base64", "link", "directory"})
    kinds += table.has(key) ? 1 : 0;
  if (kinds != 1)
    table.error_at(table.place(), fmt::format("file \"{}\": exactly one of text, base64, link, and "
                                              "directory is wanted",
                                              path));
  // Each form is read although only one may be there, so that its own errors are told as well.
  if (auto text = table.text("text")) file.content = std::move(*text);
  if (const auto encoded = table.string("base64")) {
    const auto bytes = base64_decode(*encoded);
    if (!bytes) table.error("base64", "is not base64");
    file.kind = File::Kind::bytes;
    file.content = bytes.value_or("");
  }
  if (auto link = table.text("link")) {
    file.kind = File::Kind::link;
    file.content = std::move(*link);
  }
  if (table.has("directory")) {
    file.kind = File::Kind::directory;
    file.mode = 0700;
    if (table.boolean("directory") == false) table.error("directory", "can only be true");
  }
  if (const auto mode = table.string("mode")) {
    // As text, since TOML would read a number with a leading zero as an error.
    const bool is_octal = mode->size() == 4 && mode->front() == '0' &&
                          mode->find_first_not_of("01234567") == std::string::npos;
    if (is_octal)
      file.mode = static_cast<unsigned>(std::stoul(*mode, nullptr, 8));
    else
      table.error("mode", fmt::format("\"{}\" is not four octal digits that begin with 0", *mode));
  }
  places_["file." + path] = table.place("path");
  if (!state.files.emplace(path, std::move(file)).second)
    table.error("path", fmt::format("\"{}\" is described twice", path));
}

void Reading::read_files(Table& top, State& state) {
  const auto* node = top.node().get("file");
  if (node == nullptr) return;
  const auto* files = node->as_array();
  if (files == nullptr) {
    top.error("file", "is not an array of tables", "write [[file]]");
    return;
  }
  for (const auto& item : *files) {
    if (const auto* table = item.as_table()) {
      auto file = open(*table, "file", k_file_keys);
      read_file(file, state);
    } else {
      top.error("file", "is not an array of tables", "write [[file]]");
    }
  }
}

/// What the source had and this file has not.
void Reading::read_left_out(Table& top, State& state) {
  const auto* node = top.node().get("left_out");
  if (node == nullptr) return;
  const auto* items = node->as_array();
  if (items == nullptr || !items->is_array_of_tables()) {
    top.error("left_out", "is not an array of tables", "write [[left_out]]");
    return;
  }
  for (const auto& item : *items) {
    auto table = open(*item.as_table(), "left_out", k_left_out_keys);
    LeftOut out;
    // Addresses and reasons may hold any byte that a server's names hold.
    if (table.require("what")) out.address = table.bytes("what").value_or("");
    if (table.require("why")) out.why = table.bytes("why").value_or("");
    out.messages = static_cast<std::uint64_t>(table.number("messages").value_or(0));
    out.bytes = static_cast<std::uint64_t>(table.number("bytes").value_or(0));
    state.left_out.push_back(std::move(out));
  }
}

std::optional<State> Reading::read(const toml::table& root) {
  auto top = open(root, "", k_top_keys);
  if (top.require("vstate")) {
    // The version is looked at first, but the rest is read as well: a wrong number may be the only
    // fault.
    const auto version = top.number("vstate");
    if (version && *version < 1)
      top.error("vstate", "there is no format version 0", "write 1");
    else if (version && *version != 1)
      top.error("vstate", fmt::format("format version {} is not known to this program", *version),
                "use a newer vstate");
  }
  std::optional<State> state;
  const auto* domain = top.require("domain") ? top.table("domain") : nullptr;
  std::optional<DomainName> name;
  if (domain != nullptr) name = read_domain(*domain, state);
  // What follows is read for its errors even when the domain has none of its own to hold it.
  if (!state) state.emplace(*DomainName::parse("unnamed.invalid"));
  named_tables<MailboxName>(top, "mailbox", k_mailbox_keys,
                            [&](const MailboxName& key, Table& table) {
                              state->mailboxes.emplace(key, read_mailbox(table));
                            });
  named_tables<AliasName>(top, "alias", k_alias_keys, [&](const AliasName& key, Table& table) {
    Alias alias;
    if (table.require("deliver")) alias.deliver = table.lines("deliver");
    alias.forwards_only = table.boolean("forwards_only").value_or(false);
    // qmail reads .qmail-default for it, which is not an alias like others.
    if (key.text() == "default") table.error("deliver", "the catch-all is domain.default");
    state->alias.emplace(key, std::move(alias));
  });
  named_tables<AliasName>(top, "autoresponder", k_autoresponder_keys,
                          [&](const AliasName& key, Table& table) {
                            state->autoresponders.emplace(key, read_autoresponder(table));
                          });
  named_tables<AliasName>(top, "list", k_list_keys, [&](const AliasName& key, Table& table) {
    state->lists.emplace(key, read_list(table, key.text()));
  });
  read_files(top, *state);
  read_left_out(top, *state);
  // Patterns are compared before the exclusion takes away what they match.
  unmatched_ = patterns_without_match(*state, excluded_, selection_);
  *state = without_excluded(*std::move(state), selection_);
  // References come last, when all that could be named has been read and what is excluded is gone.
  check_references(*state, file_, places_, diagnostics_);
  return state;
}

}  // namespace

std::optional<State> read(std::string_view text, const std::string& file_name,
                          Diagnostics& diagnostics, Places* places, const Selection& selection,
                          std::vector<std::string>* unmatched) {
  const auto root = parse_toml(text, file_name, diagnostics);
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

std::vector<std::string> known_keys() {
  std::vector<std::string> out;
  const auto add = [&](const std::string& prefix, const Keys& keys) {
    for (const auto key : keys) out.push_back(prefix + std::string(key));
  };
  add("", k_top_keys);
  add("domain.", k_domain_keys);
  add("domain.archive.", k_archive_keys);
  add("domain.archive.increments[].", k_part_keys);
  for (const auto& name : limit_names())
    if (name.kind != LimitKind::denial)
      out.push_back("domain.limits." + std::string(name.document_key));
  out.emplace_back("domain.limits.disable");
  add("mailbox.*.", k_mailbox_keys);
  add("mailbox.*.quota.", k_quota_keys);
  add("mailbox.*.last_login.", k_login_keys);
  add("mailbox.*.mail.", k_archive_keys);
  add("mailbox.*.mail.increments[].", k_part_keys);
  add("alias.*.", k_alias_keys);
  add("autoresponder.*.", k_autoresponder_keys);
  add("autoresponder.*.limit.", k_limit_keys);
  add("list.*.", k_list_keys);
  add("list.*.archive.", k_archive_keys);
  add("list.*.archive.increments[].", k_part_keys);
  add("file[].", k_file_keys);
  add("left_out[].", k_left_out_keys);
  return out;
}

}  // namespace vstate::document
