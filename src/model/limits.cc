// One table holds the names that a limit has in the file of limits, in the SQL table, and in the
// domain's file. They differ in a few places, such as "quota" and "diskquota", and the defaults are
// what vpopmail takes for a name that is missing.

#include "vstate/model/limits.h"

namespace vstate {

const std::vector<LimitName>& limit_names() {
  using enum LimitKind;
  static const std::vector<LimitName> names{
      {"maxpopaccounts", "maxpopaccounts", "max_mailboxes", count, -1, 0},
      {"maxaliases", "maxaliases", "max_aliases", count, -1, 0},
      {"maxforwards", "maxforwards", "max_forwards", count, -1, 0},
      {"maxautoresponders", "maxautoresponders", "max_autoresponders", count, -1, 0},
      {"maxmailinglists", "maxmailinglists", "max_lists", count, -1, 0},
      {"quota", "diskquota", "quota_megabytes", amount, 0, 0},
      {"maxmsgcount", "maxmsgcount", "quota_messages", amount, 0, 0},
      {"default_quota", "defaultquota", "default_quota_bytes", amount, 0, 0},
      {"default_maxmsgcount", "defaultmaxmsgcount", "default_quota_messages", amount, 0, 0},
      {"disable_pop", "disable_pop", "pop3", denial, 0, 1},
      {"disable_imap", "disable_imap", "imap", denial, 0, 1},
      {"disable_dialup", "disable_dialup", "dialup", denial, 0, 1},
      {"disable_password_changing", "disable_passwordchanging", "password_change", denial, 0, 1},
      {"disable_webmail", "disable_webmail", "webmail", denial, 0, 1},
      {"disable_external_relay", "disable_relay", "relay", denial, 0, 1},
      {"disable_smtp", "disable_smtp", "smtp", denial, 0, 1},
      {"disable_spamassassin", "disable_spamassassin", "spamassassin", denial, 0, 1},
      {"delete_spam", "delete_spam", "tagged_spam", denial, 0, 1},
      {"disable_maildrop", "disable_maildrop", "maildrop", denial, 0, 1},
      {"perm_account", "perm_account", "deny_mailboxes", permission, 0, 7},
      {"perm_alias", "perm_alias", "deny_aliases", permission, 0, 7},
      {"perm_forward", "perm_forward", "deny_forwards", permission, 0, 7},
      {"perm_autoresponder", "perm_autoresponder", "deny_autoresponders", permission, 0, 7},
      {"perm_maillist", "perm_maillist", "deny_lists", permission, 0, 511},
      {"perm_quota", "perm_quota", "deny_quota", permission, 0, 7},
      {"perm_defaultquota", "perm_defaultquota", "deny_default_quota", permission, 0, 7},
  };
  return names;
}

Flags denials_by(const Limits& limits) {
  Flags denials = 0;
  for (const auto& name : limit_names()) {
    const auto found = limits.find(std::string(name.file_key));
    // A denial that no account flag stands for, such as that of tagged spam, closes no service.
    if (name.kind == LimitKind::denial && found != limits.end() && found->second != 0)
      denials |= denial_named(name.document_key).value_or(0);
  }
  return denials;
}

}  // namespace vstate
