/// \file
/// What the command line says, as plain values.
#pragma once

#include <string>
#include <vector>

#include "vstate/inspect/detect.h"

namespace vstate::cli {

struct CommonOptions {
  std::string root = "/";
  ServerOverrides server;
  std::vector<std::string> only, exclude;
  std::string color = "auto";
  bool quiet = false, verbose = false;
};

struct DumpOptions {
  std::vector<std::string> domains;
  bool all = false;
  std::string output;  ///< file or directory; empty is standard output
  std::string mail;    ///< directory for archives; empty: mail is not dumped
  bool clear_passwords = false;
};

struct PlanOptionsText {
  std::vector<std::string> files;  ///< domain files, or for apply one saved plan
  std::string mail;                ///< where archives are; empty: beside the file
  std::string output;              ///< plan: save it here
  bool json = false, prune = false, overwrite = false, yes = false, detailed_exitcode = false,
       deep = false, alter = false;
};

struct ExportOptions {
  std::vector<std::string> files;  ///< domain files; none: this server's tables, for Dovecot
  std::string format;              ///< dovecot, postfix, ldif, csv
  std::string output;              ///< directory; empty is standard output
  std::string home;                ///< with {domain} and {name}; empty: as on this server
  std::string dovecot = "2.3";
  std::uint32_t uid = 89, gid = 89;  ///< of the mail, with `home`
};

struct HistoryOptions {
  std::string domain;  ///< empty: all
  std::uint64_t most = 20;
  bool json = false;
};

}  // namespace vstate::cli
