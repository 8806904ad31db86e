// domain_apply ROOT DOMAIN.toml MAIL: makes the mail server below ROOT as the file says, with the
// archives below MAIL, and tells each step. Exits 0 if all of it is there in the end.

#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include <vstate/document/document.h>
#include <vstate/engine/mail_server.h>

namespace {

std::optional<vstate::State> read_state(const char* name) {
  std::ostringstream text;
  text << std::ifstream(name).rdbuf();
  vstate::Diagnostics diagnostics;
  auto state = vstate::document::read(text.str(), name, diagnostics);
  for (const auto& diagnostic : diagnostics.sorted()) std::cerr << vstate::to_text(diagnostic) << "\n";
  return state;
}

/// Whole actions only: what it tells of mail, it tells from several threads.
class Teller : public vstate::ApplyObserver {
 public:
  void on_start(const vstate::Action& action) override {
    std::cout << "begin " << address_of(action) << "\n";
  }
  void on_end(const vstate::Action& action, const std::string& message) override {
    std::cout << (message.empty() ? "done " : "failed ") << address_of(action)
              << (message.empty() ? "" : ": ") << message << "\n";
  }
};

int fail(const vstate::Error& error) {
  std::cerr << error.message << "\n";
  return 1;
}

int run(const char* root, const vstate::State& desired, const char* mail) {
  auto server = vstate::engine::MailServer::open({.root = root});
  if (!server) return fail(server.error());
  const auto found = server->inspect(desired.name);
  if (!found) return fail(found.error());
  std::cout << desired.name.text() << " has " << (found->state ? found->state->mailboxes.size() : 0)
            << " mailboxes in " << server->server().vpopmail_dir << "\n";
  const auto planned = server->plan(desired, {}, mail);
  if (!planned) return fail(planned.error());
  std::cout << planned->plan.actions.size() << " actions are planned\n";
  for (const auto& problem : planned->plan.problems) std::cerr << problem << "\n";
  Teller teller;
  const auto outcome = server->apply(*planned, teller);
  if (!outcome) return fail(outcome.error());
  for (const auto& error : outcome->errors) std::cerr << error.message << "\n";
  if (outcome->ending == vstate::engine::Ending::done) std::cout << outcome->summary << "\n";
  const auto verified = server->verify(desired, {}, mail, vstate::engine::Depth::content);
  if (!verified) return fail(verified.error());
  for (const auto& problem : verified->problems) std::cerr << problem << "\n";
  if (!verified->is_whole()) return 1;
  std::cout << verified->addresses << " addresses, " << verified->archives << " archives: whole\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: domain_apply ROOT DOMAIN.toml MAIL\n";
    return 2;
  }
  const auto desired = read_state(argv[2]);
  return desired ? run(argv[1], *desired, argv[3]) : 1;
}
