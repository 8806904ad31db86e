/// \file
/// The keys of each table of the file. The reader refuses all others, and a test compares them
/// with the schema.
#pragma once

#include <string_view>
#include <vector>

namespace vstate::document {

using Keys = std::vector<std::string_view>;

inline const Keys k_top_keys{"vstate",        "domain", "mailbox", "alias",
                             "autoresponder", "list",   "file",    "left_out"};
inline const Keys k_server_keys{"vstate_server", "control", "vpopmail", "alias", "left_out"};
inline const Keys k_domain_keys{"name", "secrets", "aliases", "default", "archive", "limits"};
inline const Keys k_mailbox_keys{
    "password", "unusable_password", "clear_password", "apop",       "gecos",   "quota", "disable",
    "flags",    "deliver",           "vacation",       "last_login", "created", "mail"};
inline const Keys k_left_out_keys{"what", "why", "messages", "bytes"};
inline const Keys k_quota_keys{"bytes", "messages"};
inline const Keys k_login_keys{"at", "from"};
inline const Keys k_part_keys{"archive", "messages", "bytes", "sha256"};
inline const Keys k_archive_keys{"archive", "messages", "bytes", "sha256", "increments"};
inline const Keys k_alias_keys{"deliver", "forwards_only"};
inline const Keys k_autoresponder_keys{"message", "copy_to", "limit", "program"};
inline const Keys k_limit_keys{"replies", "seconds"};
inline const Keys k_list_keys{"options", "subscribers", "moderators", "digest", "allow",  "deny",
                              "others",  "key",         "files",      "links",  "archive"};
inline const Keys k_file_keys{"path", "text", "base64", "link", "directory", "mode"};

/// Sub-directories of a list that have a key of their own: directory, key.
struct Sublist {
  std::string_view directory, key;
};
inline const std::vector<Sublist> k_sublists{{"", "subscribers"},
                                             {"mod", "moderators"},
                                             {"digest", "digest"},
                                             {"allow", "allow"},
                                             {"deny", "deny"}};

}  // namespace vstate::document
