// The canonical text: the same State gives the same bytes, whichever server it came from. Tables
// stand in the order of the State, keys in the order of the reader, one fact is one line, and what
// says nothing is left out. So a file can be kept under version control, and a difference in it is
// a difference of the domain.

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "document/keys.h"
#include "document/writer.h"
#include "model/fields.h"
#include "vstate/base/text.h"
#include "vstate/document/document.h"
#include "vstate/model/template.h"

namespace vstate::document {

namespace {

std::string part_value(const ArchivePart& part) {
  return fmt::format("archive = {}, messages = {}, bytes = {}, sha256 = {}",
                     quoted_bytes(part.archive), part.messages, part.bytes, quoted(part.sha256));
}

std::string archive_value(const ArchiveRef& archive) {
  auto out = "{ " + part_value(archive);
  if (!archive.increments.empty()) {
    out += ", increments = [\n";
    for (const auto& part : archive.increments)
      // Each increment is a line, so that a later dump adds one line to the file.
      out += fmt::format("  {{ {} }},\n", part_value(part));
    out += "]";
  }
  return out + " }";
}

void write_login(Writer& out, const LastLogin& login) {
  // vpopmail has one field for both, and the reader makes this address of "created" again.
  if (login.from == "0.0.0.0")
    out.value("created", to_utc_text(login.at));
  else
    out.value("last_login", fmt::format("{{ at = {}, from = {} }}", to_utc_text(login.at),
                                        quoted_bytes(login.from)));
}

void write_mailbox(Writer& out, const std::string& name, const Mailbox& mailbox) {
  out.table("mailbox", name);
  write_passwords(out, mailbox);
  if (mailbox.is_apop) out.value("apop", "true");
  out.text("gecos", mailbox.gecos);
  // The reader refuses a limit of 0, so a limit that is none is left out.
  if (!mailbox.quota.is_unlimited()) {
    std::vector<std::string> parts;
    if (mailbox.quota.bytes > 0) parts.push_back(fmt::format("bytes = {}", mailbox.quota.bytes));
    if (mailbox.quota.messages > 0)
      parts.push_back(fmt::format("messages = {}", mailbox.quota.messages));
    out.value("quota", fmt::format("{{ {} }}", fmt::join(parts, ", ")));
  }
  // One word of bits on the server stands as two lists of words here.
  if (const auto denials = denials_of(mailbox.flags); !denials.empty())
    out.value("disable", word_array(denials));
  if (const auto flags = other_flags_of(mailbox.flags); !flags.empty())
    out.value("flags", word_array(flags));
  if (!mailbox.deliver.empty()) out.value("deliver", array(mailbox.deliver));
  if (mailbox.vacation) out.value("vacation", text_value(*mailbox.vacation));
  if (mailbox.last_login) write_login(out, *mailbox.last_login);
  if (mailbox.mail) out.value("mail", archive_value(*mailbox.mail));
}

void write_autoresponder(Writer& out, const std::string& name, const Autoresponder& robot) {
  out.table("autoresponder", name);
  // The reader requires a message of every robot, so one that is empty is written as well.
  out.value("message", text_value(robot.message));
  if (!robot.copy_to.empty()) out.value("copy_to", array(robot.copy_to));
  out.value("limit", fmt::format("{{ replies = {}, seconds = {} }}", robot.replies, robot.seconds));
  out.text("program", robot.program);
}

void write_list(Writer& out, const std::string& name, const List& list) {
  out.table("list", name);
  if (!list.options.empty()) out.value("options", array(spelt(list.options)));
  std::vector<std::string> others;
  // Sub-lists with a key of their own come first and in a fixed order.
  for (const auto& sublist : k_sublists) {
    const auto found = list.addresses.find(std::string(sublist.directory));
    // A directory without addresses is written all the same: that it is there has a meaning.
    if (found != list.addresses.end()) out.value(sublist.key, array(spelt(found->second)));
  }
  for (const auto& [directory, addresses] : list.addresses) {
    const bool has_key = std::any_of(
        k_sublists.begin(), k_sublists.end(),
        [&directory = directory](const Sublist& s) { return s.directory == directory; });
    if (!has_key)
      others.push_back(
          fmt::format("{} = {}", key_text(spell_bytes(directory)), word_array(spelt(addresses))));
  }
  if (!others.empty()) out.value("others", fmt::format("{{ {} }}", fmt::join(others, ", ")));
  out.text("key", list.key.reveal());
  if (list.archive) out.value("archive", archive_value(*list.archive));
  // Sub-tables must come behind all plain keys of the list, which TOML would count to them
  // otherwise.
  if (!list.files.empty()) out.table("list", name, "files");
  for (const auto& [file, text] : list.files) out.value(spell_bytes(file), text_value(text));
  if (!list.links.empty()) out.table("list", name, "links");
  for (const auto& [suffix, target] : list.links)
    out.value(spell_bytes(suffix), quoted_bytes(target));
}

void write_file(Writer& out, const std::string& path, const File& file) {
  out.raw("\n[[file]]\n");
  // The path is a template already; only TOML's own signs are escaped in it.
  out.value("path", quoted(path));
  switch (file.kind) {
    case File::Kind::text:
      out.value("text", text_value(file.content));
      break;
    case File::Kind::bytes:
      out.value("base64", quoted(base64_encode(file.content)));
      break;
    case File::Kind::link:
      out.value("link", quoted(file.content));
      return;
    case File::Kind::directory:
      out.value("directory", "true");
      // The usual modes are left out: they are what the reader takes without one.
      if (file.mode != 0700) out.value("mode", quoted(fmt::format("{:04o}", file.mode)));
      return;
  }
  if (file.mode != 0600) out.value("mode", quoted(fmt::format("{:04o}", file.mode)));
}

}  // namespace

std::string write(const State& state, Secrets secrets) {
  Writer out;
  out.raw("#:schema domain.schema.json\nvstate = 1\n\n[domain]\n");
  out.value("name", quoted(state.name.text()));
  if (secrets == Secrets::elsewhere) out.value("secrets", "true");
  if (!state.aliases.empty()) {
    std::vector<std::string> names;
    for (const auto& alias : state.aliases) names.push_back(alias.text());
    out.value("aliases", array(names));
  }
  if (state.default_delivery) out.value("default", array(*state.default_delivery));
  if (state.archive) out.value("archive", archive_value(*state.archive));
  // The table of limits begins here, and TOML would count any later key of the domain to it.
  if (state.limits) write_limits(out, "domain.limits", *state.limits);
  for (const auto& [name, mailbox] : state.mailboxes) write_mailbox(out, name.text(), mailbox);
  for (const auto& [name, alias] : state.alias) {
    out.table("alias", name.text());
    out.value("deliver", array(alias.deliver));
    if (alias.forwards_only) out.value("forwards_only", "true");
  }
  for (const auto& [name, robot] : state.autoresponders)
    write_autoresponder(out, name.text(), robot);
  for (const auto& [name, list] : state.lists) write_list(out, name.text(), list);
  for (const auto& [path, file] : state.files) write_file(out, path, file);
  for (const auto& item : state.left_out) write_left_out(out, item);
  return out.take();
}

}  // namespace vstate::document
