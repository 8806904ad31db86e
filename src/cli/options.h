/// \file
/// What the command line says, as plain values.
#pragma once

#include <string>
#include <vector>

#include "dump/dump.h"
#include "inspect/detect.h"
#include "remote/ssh/place.h"
#include "vstate/model/rename.h"
#include "vstate/model/selection.h"

namespace vstate::cli {

struct CommonOptions {
  std::string root = "/";
  ServerOverrides server;
  Selection selection;
  Renaming renaming;
  std::string color = "auto";
  bool quiet = false, verbose = false;
  std::string config;                  ///< the options' file, which is read before all else
  remote::Connecting connecting = {};  ///< to a server of another machine
  unsigned jobs = 0;  ///< mailboxes, and domains that are looked at, at a time; 0: as the machine
                      ///< and the way to it are
};

/// The accounts of a machine in place of a vpopmail's domain.
struct SystemOptions {
  bool is_wanted = false;
  std::string uids;   ///< "FROM-TO"; empty: as etc/login.defs says
  std::string group;  ///< not empty: its members
};

struct DumpOptions {
  std::vector<std::string> domains;
  bool all = false;
  bool server = false;  ///< the server's own settings
  std::string output;   ///< file or directory; empty is standard output
  std::string mail;     ///< directory for archives; empty: mail is not dumped
  bool clear_passwords = false;
  bool freeze = false;  ///< hold deliveries off meanwhile
  std::string secrets;  ///< file for them, or directory; empty: they stay in the text
  std::string have;     ///< file with what the reader of the stream has; "-" is standard input
  SystemOptions system = {};
};

struct PlanOptionsText {
  std::string secrets;             ///< where dump --secrets wrote them; empty: the files hold them
  std::vector<std::string> files;  ///< domain files, or for apply one saved plan
  std::string mail;                ///< where archives are; empty: beside the file
  std::string output;              ///< plan: save it here
  std::string convert;             ///< "courier-dovecot"; empty: mail is not converted
  bool json = false, prune = false, overwrite = false, yes = false, detailed_exitcode = false,
       deep = false, alter = false, take_machine_keys = false;
  std::uint64_t max_delete = 0;  ///< PlanOptions::max_delete
};

struct ExportOptions {
  std::vector<std::string> files;  ///< domain files; none: this server's tables, for Dovecot
  std::string format;              ///< dovecot, postfix, ldif, csv
  std::string output;              ///< directory; empty is standard output
  std::string mail;                ///< where archives are; empty: beside the file
  std::string secrets;             ///< as PlanOptionsText::secrets
  std::string home;                ///< with {domain} and {name}; empty: as on this server
  std::string dovecot = "2.3";
  std::uint32_t uid = 89, gid = 89;  ///< of the mail, with `home`
};

struct PullOptions {
  std::string from;  ///< [USER@]HOST, or a directory where the old server's files are
  std::vector<std::string> domains;
  bool all = false;                      ///< of the source, but for what the selection leaves out
  std::string via = "auto";              ///< auto, vstate, or sftp
  std::string remote_vstate = "vstate";  ///< the command there
  std::string push_vstate;               ///< a static program that is taken there; empty: none is
  PlanOptionsText apply;                 ///< what is done here with what comes
  ServerOverrides source;                ///< of the other side, which is never like this one
  bool freeze = false;                   ///< hold deliveries off there meanwhile
  bool final = false;                    ///< the last mile: the old server relays from then on
  std::string to;                        ///< with `final`: this server, as the old one reaches it
  bool clear_passwords = false;          ///< clear-text passwords too
  SystemOptions system = {};             ///< of the other side
};

struct ListOptions {
  bool json = false;
  bool names = false;  ///< names alone
};

struct CutoverOptions {
  std::vector<std::string> domains;
  std::string to;  ///< HOST or HOST:PORT
  bool undo = false, status = false, yes = false;
  bool dry_run = false;  ///< show it, and no more
};

struct SchemaOptions {
  bool server = false;  ///< of server.toml
};

struct RollbackOptions {
  std::int64_t run = 0;  ///< as `history` numbers it
  bool yes = false;
  bool dry_run = false;  ///< show it, and no more
};

struct HistoryOptions {
  std::string domain;  ///< empty: all
  std::uint64_t most = 20;
  bool json = false;
};

}  // namespace vstate::cli
