#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "session.h"
#include "vstate/base/text.h"
#include "vstate/inspect/router.h"
#include "vstate/mail/deliver.h"
#include "vstate/sys/crypt.h"
#include "vstate/view/plan_view.h"

namespace vstate::cli {

namespace {

/// Reads both sides again and tries every address: nothing that an apply reported is believed.
class Verification {
 public:
  Verification(Session& session, const DomainFile& file, bool is_deep)
      : session_(session), file_(file), is_deep_(is_deep) {}

  Result<std::vector<std::string>> run(const Prepared& prepared) {
    check_plan(prepared.plan);
    VSTATE_TRY(check_routes(prepared));
    VSTATE_TRY(check_mail(prepared));
    check_passwords();
    return std::move(problems_);
  }
  [[nodiscard]] std::uint64_t addresses() const { return addresses_; }
  [[nodiscard]] std::uint64_t archives() const { return archives_; }

 private:
  void problem(std::string text) { problems_.push_back(std::move(text)); }

  void check_plan(const Plan& plan) {
    const auto json = view::to_json(plan);
    for (const auto& change : json["changes"]) {
      const auto detail = change.value("detail", "");
      problem(fmt::format("{} is not as the file says{}", change["address"].get<std::string>(),
                          detail.empty() ? "" : ": " + detail));
    }
    for (const auto& text : plan.problems) problem(text);
  }

  Status check_routes(const Prepared& prepared) {
    VSTATE_TRY_ASSIGN(auto router,
                      Router::load(*session_.system, session_.server, *session_.store));
    const auto& homes = prepared.observation.condition.paths.homes;
    std::vector<std::string> hosts{file_.state.name.text()};
    for (const auto& alias : file_.state.aliases) hosts.push_back(alias.text());
    const auto trace = [&](const std::string& local, const std::string& home) {
      for (const auto& host : hosts) {
        const auto address = fmt::format("{}@{}", local, host);
        const auto route = router.trace(address);
        ++addresses_;
        if (!route.problem.empty()) problem(fmt::format("{}: {}", address, route.problem));
        // A .qmail-NAME of the same name comes first; then the mailbox is not reached, by design.
        else if (!home.empty() && !route.destination.empty() && route.destination != home)
          problem(fmt::format("{}: goes to {}, the account's home is {}", address,
                              route.destination, home));
      }
    };
    for (const auto& [name, mailbox] : file_.state.mailboxes) {
      const auto home = homes.find(name.text());
      trace(name.text(), home == homes.end() ? std::string() : home->second);
    }
    for (const auto& [name, alias] : file_.state.alias)
      if (name.text().find("default") == std::string::npos) trace(name.text(), "");
    for (const auto& [name, robot] : file_.state.autoresponders) trace(name.text(), "");
    for (const auto& [name, list] : file_.state.lists)
      for (const auto& [suffix, target] : list.links)
        if (suffix.find("default") == std::string::npos) trace(name.text() + suffix, "");
    return {};
  }

  Status check_mail(const Prepared& prepared) {
    for (const auto& report : prepared.facts.archives) {
      const auto target =
          archive_target(report.kind, report.name, prepared.observation.condition.paths);
      if (!target) continue;  // told as a missing mailbox
      VSTATE_TRY_ASSIGN(
          const auto found,
          check_archive(*session_.system, archive_files(file_.archive_root, report.archive),
                        *target, is_deep_, report.has_dovecot_folders));
      ++archives_;
      for (const auto& line : found)
        problem(fmt::format("{}: {}", report.name.empty() ? "files" : report.name, line));
    }
    return {};
  }

  void check_passwords() {
    for (const auto& [name, mailbox] : file_.state.mailboxes)
      if (!mailbox.password.empty() && !crypt_accepts(mailbox.password.reveal()))
        problem(fmt::format("mailbox {}: this server's crypt(3) does not accept its hash ({})",
                            name.text(), scheme_of(mailbox.password)));
  }

  Session& session_;
  const DomainFile& file_;
  bool is_deep_;
  std::vector<std::string> problems_;
  std::uint64_t addresses_ = 0, archives_ = 0;
};

}  // namespace

Exit run_verify(const CommonOptions& common, const PlanOptionsText& options) {
  Diagnostics diagnostics;
  auto session = open_session(common, Access::read);
  if (!session) return Console::fail(session.error());
  Exit result = Exit::done;
  for (const auto& name : options.files) {
    const auto file = read_domain_file(name, options.mail, diagnostics);
    if (!file) continue;
    auto chosen = plan_options(common, options);
    chosen.remembers = false;
    chosen.reads_all_archives = true;
    auto prepared = prepare(*session, *file, chosen, diagnostics);
    if (!prepared) return Console::fail(prepared.error());
    Verification verification(*session, *file, options.deep);
    const auto problems = verification.run(*prepared);
    if (!problems) return Console::fail(problems.error());
    for (const auto& problem : *problems) Console::print(fmt::format("  ! {}\n", problem));
    const auto& domain = file->state.name.text();
    if (problems->empty())
      Console::print(fmt::format("{} is whole: {} addresses routed, {} archives checked{}.\n",
                                 domain, with_thousands(verification.addresses()),
                                 with_thousands(verification.archives()),
                                 options.deep ? " by content" : ""));
    else
      Console::print(fmt::format("{}: {} thing{} not as the file says.\n", domain,
                                 with_thousands(problems->size()),
                                 problems->size() == 1 ? " is" : "s are"));
    if (!problems->empty()) result = Exit::differences;
  }
  Console::report(diagnostics);
  return diagnostics.has_errors() ? Exit::error : result;
}

Exit run_route(const CommonOptions& common, const std::vector<std::string>& addresses) {
  const auto session = open_session(common, Access::read);
  if (!session) return Console::fail(session.error());
  auto router = Router::load(*session->system, session->server, *session->store);
  if (!router) return Console::fail(router.error());
  Exit result = Exit::done;
  for (const auto& address : addresses) {
    const auto route = router->trace(address);
    Console::print(address + "\n");
    for (const auto& step : route.steps) Console::print(fmt::format("  {}\n", step));
    if (!route.problem.empty()) {
      Console::print(fmt::format("  ! {}\n", route.problem));
      result = Exit::differences;
    }
  }
  return result;
}

}  // namespace vstate::cli
