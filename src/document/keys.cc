// All keys of the file as paths, which a test holds against the schema: what the reader takes and
// what the schema allows cannot drift apart. A key below a table of names has * in the name's
// place, and one of an array [].

#include "document/keys.h"

#include <string>

#include "vstate/document/document.h"
#include "vstate/model/limits.h"

namespace vstate::document {

std::vector<std::string> known_keys() {
  std::vector<std::string> out;
  const auto add = [&](const std::string& prefix, const Keys& keys) {
    for (const auto key : keys) out.push_back(prefix + std::string(key));
  };
  add("", k_top_keys);
  add("domain.", k_domain_keys);
  add("domain.archive.", k_archive_keys);
  add("domain.archive.increments[].", k_part_keys);
  // A denial of a service is no key of its own, but a word in `disable`.
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
