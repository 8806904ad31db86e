// Every file of control, of qmail/alias, and of vpopmail's etc is expressed, is made of another, or
// is left out by its name. What belongs to a domain of vpopmail's stands in that domain's file, so
// that here are only the lines of others.

#include "settings/inspect_settings.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "format/assign.h"
#include "format/cdb.h"
#include "format/control.h"
#include "format/settings_text.h"
#include "settings/places.h"
#include "sys/far_side.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::size_t k_largest_settings = std::size_t{1} << 24;

/// Names in control that say nothing of their own: made of others, locks, leftovers of programs.
bool is_made_of_another(std::string_view name) {
  constexpr std::array<std::string_view, 4> endings{".lock", ".cdb", ".tmp", ".vstate-tmp"};
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); }) ||
         is_temporary(name) || name == "morercpthosts";
}

/// What stands in vpopmail's etc and belongs to its build, to its database, or to the moment.
bool belongs_to_vpopmail(std::string_view name) {
  constexpr std::array<std::string_view, 12> names{
      "inc_deps",        "lib_deps",     "vpopmail.mysql",         "vpopmail.pgsql",
      "vlimits.default", "tcp.smtp",     "tcp.smtp.cdb",           "defaultdomain",
      "ip_alias_map",    "vusagec.conf", "password_strength.conf", "vusaged.conf"};
  return std::find(names.begin(), names.end(), name) != names.end() ||
         name.starts_with("open-smtp") || is_made_of_another(name);
}

class InspectingSettings {
 public:
  InspectingSettings(const Files& files, const Server& server, const QmailFiles& qmail)
      : files_(files),
        server_(server),
        qmail_(qmail),
        paths_(paths_of(server)),
        templater_(paths_) {}

  Result<ServerObservation> run();

 private:
  Status read_control();
  Status read_control_entry(const DirEntry&);
  Status read_aliases();
  Status read_alias(const DirEntry&);
  Status read_vpopmail();
  Status read_rcpthosts();
  Status read_file(const SettingFile&);
  Status read_delivery(const std::string& name, const std::string& path);
  Status look_at_rules();
  Status look_at_users();
  void drop_domains();
  void leave_out(std::string address, std::string why) {
    out_.state.left_out.push_back({.address = std::move(address), .why = std::move(why)});
  }
  void take_blemishes(const std::string& path, const std::vector<std::string>& lines) {
    for (const auto& line : lines) out_.remarks.push_back(fmt::format("{}: {}", path, line));
  }

  const Files& files_;
  const Server& server_;
  const QmailFiles& qmail_;
  const Paths paths_;
  const Templater templater_;
  ServerObservation out_;
};

Status InspectingSettings::read_delivery(const std::string& name, const std::string& path) {
  VSTATE_TRY_ASSIGN(const auto info, files_.info_followed(path));
  if (!info.is_regular()) {
    leave_out(name, "it is no file");
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto bytes, files_.read(path, k_largest_settings));
  std::string lines;
  for (const auto line : split_lines(bytes)) lines += templater_.to_template(line) + "\n";
  auto& settings = out_.state.files[name];
  settings["deliver"] = std::move(lines);
  if (name.starts_with("alias.") && (info.mode & 0100U) != 0) settings["forwards_only"] = "1";
  return {};
}

Status InspectingSettings::read_file(const SettingFile& file) {
  VSTATE_TRY_ASSIGN(const auto path, path_of_settings(files_, server_, file.name));
  if (file.shape == Shape::delivery) return read_delivery(std::string(file.name), path);
  VSTATE_TRY_ASSIGN(const auto bytes, files_.read(path, k_largest_settings));
  auto text = parse_settings(file, bytes);
  take_blemishes(path, text.blemishes);
  for (const auto& [key, value] : text.values)
    // What the file could not say again would not come back as it is here.
    if (auto problem = setting_problem(file, key, value); !problem.empty())
      leave_out(fmt::format("{} {}", file.name, spell_bytes(key)), std::move(problem));
    else
      out_.state.files[std::string(file.name)].emplace(key, value);
  // A file without lines is there; whether that says something is judged at the end.
  out_.state.files.try_emplace(std::string(file.name));
  if (file.name == k_tcp_smtp) out_.state.rule_order = std::move(text.order);
  return {};
}

/// morercpthosts counts by its compiled file, which qmail-smtpd reads, and only beside rcpthosts.
Status InspectingSettings::read_rcpthosts() {
  const auto control = path_join(server_.qmail_dir, "control");
  VSTATE_TRY_ASSIGN(const auto text, files_.read_if_there(path_join(control, "morercpthosts")));
  const auto found = out_.state.files.find(std::string(k_rcpthosts));
  if (found == out_.state.files.end()) {
    out_.remarks.emplace_back(
        "control/rcpthosts is missing: this server accepts mail for every domain");
    return {};
  }
  if (!text) return {};
  VSTATE_TRY_ASSIGN(const auto bytes,
                    files_.read_if_there(path_join(control, "morercpthosts.cdb")));
  const auto records = cdb::read(bytes.value_or(""));
  std::set<std::string> compiled;
  if (records)
    for (const auto& record : *records) compiled.insert(record.first);
  for (const auto& entry : ControlFile::parse(*text).entries()) {
    const auto name = to_lower(entry);
    if (compiled.contains(name))
      found->second.emplace(name, "");
    else if (qmail_.find(name) == nullptr)
      out_.uncompiled.insert(name);
  }
  for (const auto& name : out_.uncompiled)
    out_.remarks.push_back(fmt::format(
        "control/morercpthosts has {}, and its .cdb, which counts, has not", visible(name)));
  return {};
}

Status InspectingSettings::read_control_entry(const DirEntry& entry) {
  const auto name = "control." + entry.name;
  if (is_made_of_another(entry.name)) return {};
  if (entry.type == FileInfo::Type::link) {
    VSTATE_TRY_ASSIGN(const auto behind, files_.look_followed(path_join(
                                             path_join(server_.qmail_dir, "control"), entry.name)));
    // For qmail such a file is missing.
    if (!behind) {
      leave_out(spell_bytes(name), "a link that leads nowhere");
      return {};
    }
  }
  if (const auto known = setting_file(name)) return read_file(*known);
  const bool is_directory = entry.type == FileInfo::Type::directory;
  leave_out(spell_bytes(name), is_directory
                                   ? "a directory that vstate does not know; take it along by hand"
                                   : "no control file that vstate knows; take it along by hand");
  return {};
}

Status InspectingSettings::read_control() {
  VSTATE_TRY_ASSIGN(const auto entries, files_.list(path_join(server_.qmail_dir, "control")));
  for (const auto& entry : entries) VSTATE_TRY(read_control_entry(entry));
  VSTATE_TRY(read_rcpthosts());
  out_.implied_local = out_.state.me();
  return {};
}

Status InspectingSettings::read_alias(const DirEntry& entry) {
  const auto local = alias_of_dot_qmail(entry.name);
  const auto path = path_join(path_join(server_.qmail_dir, "alias"), entry.name);
  const auto name = "qmail/alias/" + spell_bytes(entry.name);
  if (!local) {
    leave_out(name, "neither an alias nor known otherwise; take it along by hand");
    return {};
  }
  const auto checked = AliasName::parse(*local);
  const bool is_link = entry.type == FileInfo::Type::link;
  if (!checked || dot_qmail_name(*local) != entry.name)
    leave_out(name, checked ? "mail never selects it" : checked.error().message);
  else if (is_link)
    leave_out(name, "a link to " + visible(files_.link_target(path).value_or("another place")));
  else
    return read_delivery("alias." + checked->text(), path);
  return {};
}

Status InspectingSettings::read_aliases() {
  const auto directory = path_join(server_.qmail_dir, "alias");
  VSTATE_TRY_ASSIGN(const auto found, files_.look_followed(directory));
  if (!found) return {};
  VSTATE_TRY_ASSIGN(const auto entries, files_.list(directory));
  for (const auto& entry : entries)
    if (!is_temporary(entry.name)) VSTATE_TRY(read_alias(entry));
  return {};
}

Status InspectingSettings::look_at_rules() {
  VSTATE_TRY_ASSIGN(const auto path, path_of_settings(files_, server_, k_tcp_smtp));
  VSTATE_TRY_ASSIGN(const auto text, files_.look_followed(path));
  VSTATE_TRY_ASSIGN(const auto compiled, files_.look_followed(path + ".cdb"));
  if (!text) return {};
  if (compiled && compiled->modified >= text->modified) return {};
  out_.stale_rules = fmt::format("{}.cdb is {}; make it: tcprules {}.cdb {}.tmp < {}", path,
                                 compiled ? "older than its text" : "missing", path, path, path);
  return {};
}

Status InspectingSettings::read_vpopmail() {
  for (const auto& file : setting_files()) {
    if (!file.name.starts_with("vpopmail.")) continue;
    VSTATE_TRY_ASSIGN(const auto path, path_of_settings(files_, server_, file.name));
    VSTATE_TRY_ASSIGN(const bool is_there, files_.exists(path));
    if (is_there) VSTATE_TRY(read_file(file));
  }
  VSTATE_TRY(look_at_rules());
  const auto etc = path_join(server_.vpopmail_dir, "etc");
  VSTATE_TRY_ASSIGN(const bool has_etc, files_.exists(etc));
  if (!has_etc) return {};
  VSTATE_TRY_ASSIGN(const auto entries, files_.list(etc));
  for (const auto& entry : entries)
    if (!belongs_to_vpopmail(entry.name))
      leave_out("vpopmail/etc/" + spell_bytes(entry.name),
                "no file that vstate knows; take it along by hand");
  return {};
}

/// Users of others in users/assign; domains of others are named by themselves.
Status InspectingSettings::look_at_users() {
  VSTATE_TRY_ASSIGN(const auto bytes,
                    files_.read_if_there(path_join(server_.qmail_dir, "users/assign")));
  const auto assign = AssignFile::parse(bytes.value_or(".\n"));
  for (const auto& entry : assign.entries()) {
    const bool is_domain = entry.wildcard && entry.key.ends_with('-') &&
                           qmail_.find(entry.key.substr(0, entry.key.size() - 1)) != nullptr;
    if (!is_domain)
      leave_out(
          spell_bytes(fmt::format("users/assign {}{}", entry.wildcard ? '+' : '=', entry.key)),
          fmt::format("gives mail to {} in {}, who is made by hand", visible(entry.user),
                      visible(entry.home)));
  }
  return {};
}

/// Takes away what the files of the domains say.
void InspectingSettings::drop_domains() {
  for (const auto& domain : qmail_.domains())
    if (domain.kind != AssignedDomain::Kind::foreign) out_.served.insert(domain.name);
  const auto is_served = [&](const auto& item) { return out_.served.contains(item.first); };
  auto& files = out_.state.files;
  for (const auto name : {k_rcpthosts, k_locals})
    if (const auto file = files.find(std::string(name)); file != files.end())
      std::erase_if(file->second, is_served);
  const auto file = files.find(std::string(k_virtualdomains));
  if (file == files.end()) return;
  for (const auto& [key, value] : file->second)
    if (out_.served.contains(key) && to_lower(value) != key)
      leave_out(fmt::format("{} {}", k_virtualdomains, key),
                fmt::format("takes a domain of vpopmail's to {}", value));
  std::erase_if(file->second, is_served);
}

Result<ServerObservation> InspectingSettings::run() {
  const auto gathered = gather(
      files_, {{{path_join(server_.qmail_dir, "control"), path_join(server_.qmail_dir, "alias"),
                 path_join(server_.vpopmail_dir, "etc")}}});
  VSTATE_TRY(read_control());
  VSTATE_TRY(read_aliases());
  VSTATE_TRY(read_vpopmail());
  VSTATE_TRY(look_at_users());
  drop_domains();
  std::erase_if(out_.state.files, [](const auto& item) {
    return item.second.empty() && !is_meant_empty(item.first);
  });
  for (const auto& blemish : qmail_.blemishes()) out_.remarks.push_back(blemish);
  return std::move(out_);
}

}  // namespace

Result<ServerObservation> inspect_settings(const Files& files, const Server& server,
                                           const QmailFiles& qmail) {
  return InspectingSettings(files, server, qmail).run();
}

}  // namespace vstate
