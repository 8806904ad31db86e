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

/// One address on its way through the programs, and what they know of it between them.
struct Trail {
  explicit Trail(RouteTables& its_tables) : tables(its_tables) {}
  RouteTables& tables;
  Journal journal;
  std::vector<std::string> on_the_way;  ///< lower-case recipients between here and the start
  std::set<std::string> followed;       ///< recipients whose ends were reported
  std::set<std::string> made_maildirs;  ///< not there yet; vdelivermail makes them first
  std::vector<std::string> running;  ///< of vdelivermail, each started by a line of the one before
};

/// qmail-smtpd and qmail-send (route_queue.cc): from the address that a client gives to its ends.
Result<Route> follow(Trail&, std::string_view address);
/// The same for the address of a forward, which is a new message.
Status forward(Trail&, const std::string& address);

/// qmail-lspawn and qmail-getpw (route_spawn.cc).
Status spawn(Trail&, const std::string& local, const std::string& host);

/// qmail-local (route_local.cc).
Status deliver_locally(Trail&, const AssignEntry&, Agent&);

// What every reader of delivery lines can do (route_deliver.cc).
Result<Flow> to_maildir(Trail&, const std::string& path, const Agent&, std::string_view program);
Result<Flow> to_mbox(Trail&, const std::string& path, const Agent&);
Result<Flow> to_program(Trail&, const std::string& command, const Agent&,
                        const std::string& directory);

/// vdelivermail (route_vdelivermail.cc).
Result<Flow> vdelivermail(Trail&, const std::vector<std::string>& arguments, const Agent&);

}  // namespace vstate
