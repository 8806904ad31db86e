// The names of files are those of qmail and vpopmail; a setting is called alike on every server,
// wherever its file is.

#include "settings/places.h"

#include "sys/path.h"
#include "vstate/model/delivery.h"
#include "vstate/model/server_state.h"

namespace vstate {

namespace {

Result<std::string> path_of_rules(const Files& files, const Server& server) {
  const auto own = path_join(server.vpopmail_dir, "etc/tcp.smtp");
  for (const auto& path :
       {own, std::string("/etc/tcp.smtp"), std::string("/etc/tcprules.d/tcp.smtp")}) {
    VSTATE_TRY_ASSIGN(const bool is_there, files.exists(path));
    if (is_there) return path;
  }
  return own;
}

}  // namespace

Result<std::string> path_of_settings(const Files& files, const Server& server,
                                     std::string_view file) {
  constexpr std::string_view control = "control.", alias = "alias.";
  if (file.starts_with(control))
    return path_join(path_join(server.qmail_dir, "control"), file.substr(control.size()));
  if (file.starts_with(alias))
    return path_join(path_join(server.qmail_dir, "alias"),
                     dot_qmail_name(file.substr(alias.size())));
  if (file == k_tcp_smtp) return path_of_rules(files, server);
  const auto etc = path_join(server.vpopmail_dir, "etc");
  if (file == k_limits_default) return path_join(etc, "vlimits.default");
  if (file == "vpopmail.default_domain") return path_join(etc, "defaultdomain");
  VSTATE_ASSERT(file == "vpopmail.ip_alias_map");
  return path_join(etc, "ip_alias_map");
}

Paths paths_of(const Server& server) {
  Paths paths;
  paths.vpopmail = server.vpopmail_dir;
  paths.qmail = server.qmail_dir;
  paths.ezmlm = server.ezmlm_dir;
  paths.autorespond = server.autorespond;
  return paths;
}

}  // namespace vstate
