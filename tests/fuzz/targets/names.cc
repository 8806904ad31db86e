// Names, places and passwords as they stand in files and on the command line.

#include "vstate/model/names.h"

#include "fuzz.h"
#include "qmail/route_shell.h"
#include "remote/ssh/place.h"
#include "vstate/model/delivery.h"
#include "vstate/model/rename.h"
#include "vstate/model/secret.h"
#include "vstate/model/template.h"

using namespace vstate;

namespace {

template <class Name>
void check_name(std::string_view text) {
  const auto name = Name::parse(text);
  if (!name) return;
  const auto again = Name::parse(name->text());
  VSTATE_ASSERT(again && *again == *name);
  // It can stand between others in a line, and in a path.
  VSTATE_ASSERT(name->text().find_first_of(std::string_view("\n/:\0", 4)) == std::string::npos);
  VSTATE_ASSERT(!name->text().empty());
}

}  // namespace

VSTATE_FUZZ_TARGET(names) {
  check_name<DomainName>(bytes);
  check_name<MailboxName>(bytes);
  check_name<AliasName>(bytes);
  if (const auto mailbox = MailboxName::parse(bytes))
    VSTATE_ASSERT(mailbox->text() != "." && mailbox->text() != "..");
  if (const auto alias = AliasName::parse(bytes))
    VSTATE_ASSERT(alias_of_dot_qmail(dot_qmail_name(alias->text())) == alias->text());
  const std::string text(bytes);
  if (bytes.find('\n') == std::string_view::npos && !bytes.empty()) {
    const auto named = mailboxes_named(mailbox_placeholder(text));
    VSTATE_ASSERT(named == std::vector<std::string>{text});
  }
  if (const auto place = remote::parse_place(bytes)) {
    const auto again = remote::parse_place(remote::to_text(*place));
    VSTATE_ASSERT(again && again->host == place->host && again->directory == place->directory);
  }
  if (bytes.find('\0') == std::string_view::npos) {
    // A word that is quoted for a shell is one word to the reader of shells, too.
    const auto line = parse_shell("echo " + remote::shell_word(text), {});
    VSTATE_ASSERT(line.is_simple && line.commands.size() == 1);
    VSTATE_ASSERT(line.commands[0].words == (std::vector<std::string>{"echo", text}));
  }
  if (const auto pair = parse_renaming(bytes)) VSTATE_ASSERT(pair->first != pair->second);
  const Secret secret(text);
  VSTATE_ASSERT((kind_of(secret) == PasswordKind::none) == text.empty());
  (void)scheme_of(secret);
  (void)with_scheme(secret);
  (void)remote::advice_on(bytes, "old.example");
}
