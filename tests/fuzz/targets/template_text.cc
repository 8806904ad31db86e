// Templates: any text as one and back, and any text taken for one.

#include "vstate/model/template.h"

#include "fuzz.h"
#include "vstate/base/text.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(template_text) {
  const Paths paths{.vpopmail = "/home/vpopmail",
                    .qmail = "/var/qmail",
                    .ezmlm = "/usr/bin",
                    .autorespond = "/usr/bin/autorespond",
                    .domain = "/home/vpopmail/domains/example.com",
                    .homes = {{"alice", "/home/vpopmail/domains/example.com/alice"},
                              {"b%{}", "/home/vpopmail/domains/example.com/b"}},
                    .lists = {}};
  const auto text = Templater(paths).to_template(bytes);
  VSTATE_ASSERT(is_utf8(text));
  VSTATE_ASSERT(check_template(text).empty());
  VSTATE_ASSERT(expand(text, paths) == std::string(bytes));
  const auto pathless = pathless_template(bytes);
  VSTATE_ASSERT(is_utf8(pathless) && expand_pathless(pathless) == std::string(bytes));
  VSTATE_ASSERT(is_utf8(spell_bytes(bytes)) && read_bytes(spell_bytes(bytes)) == bytes);

  (void)split_home(bytes);
  const auto names = mailboxes_named(bytes);
  const auto expanded = expand(bytes, paths);
  // What is right in itself can only lack a mailbox here.
  if (check_template(bytes).empty())
    VSTATE_ASSERT(expanded || expanded.error().code == Errc::not_found);
  if (expanded && is_utf8(bytes))
    VSTATE_ASSERT(expand(Templater(paths).to_template(*expanded), paths) == *expanded);
}
