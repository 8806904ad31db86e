#include "support/generators.h"

#include "domain/inspection.h"
#include "format/legible.h"
#include "vstate/base/text.h"
#include "vstate/model/template.h"

namespace vstate::test {

namespace {

bool any_bool() { return *rc::gen::arbitrary<bool>(); }

/// Elements of `all`, each with or without.
template <class Value>
std::vector<Value> any_of(const std::vector<Value>& all) {
  std::vector<Value> out;
  for (const auto& value : all)
    if (any_bool()) out.push_back(value);
  return out;
}

std::string any_address() {
  return *rc::gen::element<std::string>("a", "Bea", "c.d", "e+f", "g'h") + "@" +
         *rc::gen::element<std::string>("example.org", "Example.NET");
}

std::string any_line() {
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      return "&" + any_address();
    case 1:
      return "| {vpopmail}/bin/vdelivermail '' " + *rc::gen::element<std::string>("delete", "x");
    case 2:
      return "{mailbox:alice}/Maildir/";
    case 3:
      return "|cat {domain}/notes >>{mailbox:bob}/log";
    default:
      return as_template(without(*any_text(), std::string_view("\n\0", 2)));
  }
}

/// Text with at least one byte.
std::string any_whole_text() {
  auto text = any_text_template();
  return text.empty() ? "x\n" : text;
}

}  // namespace

rc::Gen<std::string> any_text() {
  return rc::gen::container<std::string>(
      rc::gen::weightedOneOf<char>({{6, rc::gen::inRange('a', 'z')},
                                    {2, rc::gen::elementOf(std::string("\"\\'{}#\t\r ./&|"))},
                                    {1, rc::gen::arbitrary<char>()}}));
}

std::string as_template(const std::string& literal) {
  static const Paths none;
  return Templater(none).to_template(literal);
}

std::string without(std::string text, std::string_view refused) {
  std::erase_if(text, [&](char c) { return refused.find(c) != std::string_view::npos; });
  return text;
}

std::string any_text_template() {
  auto literal = *any_text();
  if (!looks_like_text(literal)) literal = without(literal, std::string_view("\0", 1));
  if (!looks_like_text(literal)) literal = "caf\xc3\xa9 and caf\xe9, {not} a {placeholder}\n";
  auto text = as_template(literal);
  if (any_bool()) text += "\nto {mailbox:alice}/Maildir/ and {domain}/notes\n";
  return text;
}

DeliveryLines any_lines() {
  DeliveryLines lines;
  const auto count = *rc::gen::inRange(0, 4);
  for (int i = 0; i < count; ++i) lines.push_back(any_line());
  return lines;
}

AliasName any_alias_name() {
  return *AliasName::parse(*rc::gen::element<std::string>(
      "sales", "a.b", "x-y", "a{b", "m}n", "123", "o'n", "x-default", "m\xc3\xbcller"));
}

Mailbox any_mailbox() {
  Mailbox mailbox;
  mailbox.password = Secret(*rc::gen::element<std::string>("", "*", "$1$abcdefgh$G0Sl.XGRGVGmKJ"));
  mailbox.is_apop = any_bool();
  mailbox.gecos = pathless_template(without(*any_text(), std::string_view(":\n\0", 3)));
  if (mailbox.gecos.size() > 40) mailbox.gecos = "long";
  mailbox.quota.bytes = *rc::gen::inRange<std::uint64_t>(0, 1000000000);
  mailbox.quota.messages = *rc::gen::inRange<std::uint64_t>(0, 1000);
  mailbox.flags = *rc::gen::inRange<std::uint64_t>(0, 0xFFFFF);
  mailbox.deliver = any_lines();
  if (any_bool()) mailbox.vacation = any_text_template();
  if (any_bool())
    mailbox.last_login = LastLogin{std::chrono::sys_seconds(std::chrono::seconds(
                                       *rc::gen::inRange<std::int64_t>(0, 4000000000))),
                                   *rc::gen::element<std::string>("192.0.2.1", "imap", "")};
  return mailbox;
}

Alias any_alias() { return {any_lines(), any_bool()}; }

Autoresponder any_robot() {
  Autoresponder robot;
  robot.message = any_text_template();
  const auto count = *rc::gen::inRange(0, 3);
  for (int i = 0; i < count; ++i) robot.copy_to.push_back("&" + any_address());
  robot.replies = *rc::gen::inRange<std::uint64_t>(0, 100);
  robot.seconds = *rc::gen::arbitrary<std::uint32_t>();
  robot.program =
      *rc::gen::element<std::string>("", "{vpopmail}/bin/autorespond", "/opt/x/autorespond");
  return robot;
}

List any_list() {
  List list;
  list.addresses[""];
  for (const auto& sub : any_of<std::string>({"", "mod", "digest", "allow", "deny"})) {
    auto& addresses = list.addresses[sub];
    const auto count = *rc::gen::inRange(0, 6);
    for (int i = 0; i < count; ++i) addresses.insert(any_address());
  }
  for (auto& option : any_of<std::string>({"archived", "public", "modpost"}))
    list.options.insert(option);
  list.files["editor"] = "|{ezmlm}/ezmlm-store '{domain}/news'\n";
  for (auto& name : any_of<std::string>({"owner", "config", "headeradd", "text/bottom"}))
    list.files[name] = any_whole_text();
  if (any_bool()) list.files["text/top"] = "";
  if (any_bool()) list.key = Secret(base64_encode(*any_text()));
  list.links[""] = "editor";
  for (auto& suffix : any_of<std::string>({"-owner", "-default", "-accept-default"}))
    list.links[suffix] = *rc::gen::element<std::string>("owner", "editor", "text/bottom");
  return list;
}

File any_file() {
  File file;
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      file.content = any_text_template();
      file.mode = *rc::gen::element(0600U, 0644U, 0700U, 0400U);
      break;
    case 1:
      file.kind = File::Kind::bytes;
      file.content = *any_text() + '\0';
      file.mode = *rc::gen::element(0600U, 0755U);
      break;
    case 2:
      // One that leads to a folder of mail is walked, and no File.
      file.kind = File::Kind::link;
      file.content = *rc::gen::element<std::string>("notes", "../up", "{domain}/notes",
                                                    "{mailbox:alice}/.mailfilter", "/etc/motd");
      break;
    default:
      file.kind = File::Kind::directory;
      file.mode = *rc::gen::element(0700U, 0755U);
      break;
  }
  return file;
}

Limits any_limits() {
  Limits limits;
  for (const auto& name : limit_names()) {
    if (!any_bool()) continue;
    const auto most = name.maximum > 0 ? name.maximum : std::int64_t{2147483647};
    const auto least = name.kind == LimitKind::count ? std::int64_t{0} : std::int64_t{1};
    limits[std::string(name.file_key)] =
        most == 1 ? 1 : *rc::gen::inRange<std::int64_t>(least, most);
  }
  return limits;
}

}  // namespace vstate::test
