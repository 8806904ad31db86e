/// \file
/// One address on its way. Each part of it is what one program does, in the order of its decisions,
/// and writes into the same journal.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "qmail/route_shell.h"
#include "qmail/route_tables.h"

namespace vstate {

/// What is told of one address. Nothing is told twice of ends that cannot be reached.
class Journal {
 public:
  void step(std::string_view text);
  void end(Outcome, std::string text);
  /// Where an account's mail goes, said only of the address itself.
  void destination(const std::string& home);
  void goes_out();    ///< said of the address itself or of a forward
  void is_unknown();  ///< as well
  void broken_program(const std::string& why);
  Route finish();

  /// Indents the steps of what a forward causes.
  class Nested {
   public:
    explicit Nested(Journal& journal) : journal_(journal) { ++journal_.depth_; }
    ~Nested() { --journal_.depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Journal& journal_;
  };
  /// While it lives, steps are told and ends are not: what would be if something were mended.
  class Hypothesis {
   public:
    explicit Hypothesis(Journal& journal) : journal_(journal) { ++journal_.hypotheses_; }
    ~Hypothesis() { --journal_.hypotheses_; }
    Hypothesis(const Hypothesis&) = delete;
    Hypothesis& operator=(const Hypothesis&) = delete;

   private:
    Journal& journal_;
  };

 private:
  Route route_;
  int depth_ = 0, hypotheses_ = 0;
};

/// How a delivery goes on after one of its lines, by the exit status of who carried it out.
enum class Flow {
  next,  ///< 0: the next line
  stop,  ///< 99: no further line
  fail,  ///< 100 or 111: the end was told, and what stands behind is not reached
};

/// A running qmail-local, and the programs that it starts: who they are and what they are told.
struct Agent {
  Actor who;
  std::string home;              ///< where it works, the directory of the domain
  std::string local, host, ext;  ///< the address is local@host
  Environment environment;
};

/// A path of a line that is carried out in a directory.
[[nodiscard]] std::string absolute(std::string path, const std::string& directory);

class Trace {
 public:
  explicit Trace(RouteTables& tables) : tables_(tables) {}
  Result<Route> run(std::string_view address);

 private:
  // qmail-smtpd, qmail-send (route_queue.cc).
  bool is_accepted(std::string_view address);
  Status queue(const std::string& address);
  std::string without_percents(std::string address);
  void leave(const std::string& address);

  // qmail-lspawn, qmail-getpw (route_spawn.cc).
  Status spawn(const std::string& local, const std::string& host);
  Result<std::optional<Assignment>> assignment_of(const std::string& local);
  Result<std::optional<Assignment>> system_user_of(const std::string& local);
  Result<bool> is_home_of(const SystemAccount&);

  // qmail-local (route_local.cc).
  Status deliver_locally(const Assignment&, Agent&);
  Result<bool> home_is_usable(const Agent&);
  /// A dot-qmail file that was chosen, or none.
  struct DotQmail {
    std::string name;
    Opened file;
    std::size_t default_from = std::string::npos;  ///< where $DEFAULT begins in the extension
    bool is_ended = false;                         ///< told already: it makes qmail-local defer
  };
  Result<DotQmail> find_dot_qmail(const std::string& dash, const Agent&);
  Status carry_out(const std::string& text, bool forwards_only, Agent&);
  Result<Flow> carry_out_line(const std::string& line, bool forwards_only, const Agent&);

  // What every reader of delivery lines can do (route_deliver.cc).
  Result<Flow> to_maildir(const std::string& path, const Agent&, std::string_view program);
  Result<Flow> to_mbox(const std::string& path, const Agent&);
  Result<Flow> to_program(const std::string& command, const Agent&, const std::string& directory);
  Result<Flow> to_command(const ShellLine&, const std::string& command, const Agent&);
  std::optional<Flow> shells_own(const ShellCommand&);
  /// Why a program cannot be run; empty if it can.
  Result<std::string> obstacle_of(const std::string& program, const Agent&,
                                  const std::string& directory);
  Status forward(const std::string& address);

  // vdelivermail (route_vdelivermail.cc).
  struct Recipient {
    std::string user, host;                ///< lower-case
    std::string short_user, extension;     ///< of a build with QMAIL_EXT
    std::string action;                    ///< for unknown users
    std::optional<Assignment> assignment;  ///< of the host; nothing: vpopmail does not know it
    std::string why_unknown;
  };
  Result<Flow> vdelivermail(const std::vector<std::string>& arguments, const Agent&);
  Result<Flow> to_recipient(const Recipient&, const Agent&);
  Result<Flow> to_stranger(const Recipient&, const Agent&);
  /// Nothing: they cannot be read, which was told.
  Result<const DomainAccounts*> look_up(const DomainLocation&, const Agent&);
  enum class IndexUse { as_it_is, made_anew, none };
  Result<IndexUse> index_use(const DomainLocation&, const Agent&);
  Result<std::optional<Flow>> rows(const Recipient&, const DomainAccounts&, const Agent&);
  Result<Flow> to_account(const Account&, const Recipient&, const Agent&);
  Result<Flow> to_home(const std::string& home, const Agent&);
  Result<Flow> to_unknown(const Recipient&, const std::string& why, const Agent&);
  Result<bool> makes_home(const std::string& home, const Recipient&, const Agent&);
  /// Nothing: there is no file of lines there, and the Maildir is used.
  Result<std::optional<Flow>> own_lines(const std::string& home, const Recipient&, const Agent&);
  Result<std::optional<Flow>> default_delivery(const std::string& home, const Agent&);
  Result<Flow> carry_out_row(std::string line, const Agent&, const std::string& directory);
  std::string qualified(std::string address) const;

  RouteTables& tables_;
  Journal journal_;
  std::vector<std::string> on_the_way_;  ///< lower-case recipients between here and the start
  std::set<std::string> followed_;       ///< recipients whose ends were told
  std::set<std::string> made_maildirs_;  ///< not there yet; vdelivermail makes them first
};

}  // namespace vstate
