// The plan of a server's settings: what is changed, kept, left, and never touched.

#include "vstate/plan/server_plan.h"

#include <algorithm>

#include "support/catch.h"

namespace vstate {
namespace {

struct ServerCase {
  ServerState desired, actual;
  Server server;
  ServerFacts facts;
  ServerPlanOptions options;
  Memory memory;

  [[nodiscard]] ServerPlan plan() const {
    return make_server_plan({.desired = desired,
                             .actual = actual,
                             .server = server,
                             .facts = facts,
                             .options = options,
                             .memory = memory});
  }
  /// "+title", "~title", "-title" in the order of execution.
  [[nodiscard]] std::vector<std::string> changes() const {
    std::vector<std::string> out;
    for (const auto& change : plan().changes) {
      const auto verb = verb_of(change);
      const std::string sign = verb == Verb::create ? "+" : verb == Verb::remove ? "-" : "~";
      out.push_back(sign + title_of(change));
    }
    return out;
  }
  [[nodiscard]] std::size_t notes(NoteKind kind) const {
    const auto all = plan().notes;
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const Note& note) { return note.kind == kind; }));
  }
  /// As if an apply had left `state`.
  void remember(const ServerState& state) {
    RememberedParts parts;
    for (const auto& [file, settings] : state.files)
      for (const auto& [key, value] : settings)
        parts[file].emplace("=" + key, digest_of_part("k", value));
    memory = Memory("k", std::move(parts));
  }
};

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("server plan: what is accepted comes last", "[plan][server]") {
  ServerCase test;
  test.actual.files = {{"control.rcpthosts", {}}, {"control.locals", {}}};
  test.desired.files = {{"control.rcpthosts", {{"v.example", ""}}},
                        {"control.locals", {{"l.example", ""}}},
                        {"control.virtualdomains", {{"v.example", "root"}}},
                        {"alias.root", {{"deliver", "&a@example.net\n"}}},
                        {"vpopmail.limits", {{"maxaliases", "3"}}}};
  CHECK(test.changes() == Strings{"+alias/root", "+vpopmail/limits maxaliases",
                                  "+control/virtualdomains v.example", "+control/locals l.example",
                                  "+control/rcpthosts v.example"});
}

TEST_CASE("server plan: three sides", "[plan][server][law]") {
  ServerCase test;
  const auto state = [](const std::string& value) {
    ServerState out;
    out.files["control.databytes"] = {{"", value}};
    return out;
  };
  test.remember(state("1"));
  test.desired = state("1");
  test.actual = state("2");
  CHECK(test.changes().empty());
  CHECK(test.notes(NoteKind::kept) == 1);
  test.desired = state("3");
  CHECK(test.changes().empty());
  CHECK(test.notes(NoteKind::conflict) == 1);
  test.options.overwrite = true;
  CHECK(test.changes() == Strings{"~control/databytes"});
  test.options.overwrite = false;
  test.actual = state("1");
  CHECK(test.changes() == Strings{"~control/databytes"});
}

TEST_CASE("server plan: prune removes what was left by the last apply", "[plan][server]") {
  ServerCase test;
  ServerState left;
  left.files = {{"control.badmailfrom", {{"ours", ""}}},
                {"alias.a", {{"deliver", "x\n"}, {"forwards_only", "1"}}}};
  test.remember(left);
  test.actual = left;
  test.actual.files["control.badmailfrom"].emplace("theirs", "");
  CHECK(test.changes().empty());
  CHECK(test.notes(NoteKind::here_only) == 4);
  test.options.prune = true;
  CHECK(test.changes() == Strings{"-alias/a", "-alias/a", "-control/badmailfrom ours"});
  // Of a dot-qmail file nothing goes once somebody has changed a thing of it.
  test.actual.files["alias.a"]["deliver"] = "y\n";
  CHECK(test.changes() == Strings{"-control/badmailfrom ours"});
}

TEST_CASE("server plan: domains of vpopmail's keep their mail", "[plan][server]") {
  ServerCase test;
  test.facts.served = {"own.example"};
  test.actual.files = {{"control.rcpthosts", {}}};
  test.desired.files = {{"control.rcpthosts", {{"own.example", ""}}},
                        {"control.virtualdomains", {{"own.example", "root"}}},
                        {"control.locals", {{"own.example", ""}}}};
  CHECK(test.changes().empty());
  CHECK(test.notes(NoteKind::warning) == 2);
}

TEST_CASE("server plan: missing files are made whole", "[plan][server]") {
  ServerCase test;
  test.facts.served = {"own.example"};
  test.facts.implied_local = "me.example";
  test.desired.files = {{"control.rcpthosts", {{"a.example", ""}}},
                        {"control.locals", {{"l.example", ""}}}};
  CHECK(test.changes() == Strings{"+control/locals l.example", "+control/locals me.example",
                                  "+control/rcpthosts a.example",
                                  "+control/rcpthosts own.example"});
  CHECK(test.notes(NoteKind::warning) == 2);
  test.desired.files = {{"control.rcpthosts", {}}, {"control.locals", {}}};
  test.facts.served.clear();
  CHECK(test.changes() == Strings{"+control/rcpthosts"});
}

TEST_CASE("server plan: a file that was taken away stays away", "[plan][server][law]") {
  ServerCase test;
  test.facts.served = {"own.example"};
  ServerState left;
  left.files = {{"control.rcpthosts", {{"a.example", ""}}}};
  test.remember(left);
  test.desired.files = {{"control.rcpthosts", {{"a.example", ""}, {"new.example", ""}}}};
  CHECK(test.changes().empty());
  CHECK(test.notes(NoteKind::kept) == 1);
  test.options.overwrite = true;
  CHECK(test.changes().size() == 3);
}

TEST_CASE("server plan: much goes only by its number", "[plan][server]") {
  ServerCase test;
  ServerState left;
  for (int i = 0; i < 12; ++i)
    left.files["control.badmailfrom"].emplace("s" + std::to_string(i), "");
  test.remember(left);
  test.actual = left;
  test.options.prune = true;
  CHECK(test.plan().problems.size() == 1);
  test.options.max_delete = 12;
  CHECK(test.plan().problems.empty());
}

TEST_CASE("server plan: locals counts before virtualdomains", "[plan][server]") {
  ServerCase test;
  test.actual.files = {{"control.locals", {{"a.example", ""}}}};
  test.desired.files = {{"control.virtualdomains", {{"a.example", "root"}, {"b.example", "root"}}}};
  CHECK(test.changes().size() == 2);
  CHECK(test.notes(NoteKind::warning) == 1);
}

TEST_CASE("server state: what is of one machine", "[model][server]") {
  ServerState state;
  state.files["control.me"] = {{"", "Mx.example.net"}};
  const auto is = [&](const std::string& file, const std::string& key, const std::string& value) {
    return is_of_one_machine(state, file, key, value);
  };
  CHECK(is("control.me", "", "Mx.example.net"));
  CHECK(is("control.smtpgreeting", "", "mx.example.net ESMTP"));
  CHECK(is("control.defaulthost", "", "a.mx.example.net"));
  CHECK_FALSE(is("control.defaultdomain", "", "example.net"));
  CHECK_FALSE(is("control.databytes", "", "20971520"));
  CHECK_FALSE(is("control.databytes", "", "192"));
  CHECK(is("control.locals", "mx.example.net", ""));
  CHECK(is("control.locals", "[192.0.2.1]", ""));
  CHECK_FALSE(is("control.locals", "localhost", ""));
  CHECK_FALSE(is("control.badmailfrom", "192.0.2.1", ""));
  CHECK(is("control.smtproutes", "a.example", "[192.0.2.1]:26"));
  CHECK(is("control.smtproutes", "", "192.0.2.1"));
  CHECK_FALSE(is("control.smtproutes", "", "relay.example:26"));
  CHECK(is("vpopmail.tcp_smtp", "192.0.2.", "allow"));
  CHECK(is("vpopmail.tcp_smtp", "192.0.2.0-9", "allow"));
  CHECK_FALSE(is("vpopmail.tcp_smtp", "127.", "allow"));
  CHECK_FALSE(is("vpopmail.tcp_smtp", "", "allow"));
  CHECK_FALSE(is("vpopmail.tcp_smtp", "=host.example", "allow"));
}

}  // namespace vstate
