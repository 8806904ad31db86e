// Random histories of one mailbox on two servers, and the law that each pass keeps: what is at the
// target is what the actions of both owners imply.
//
// VSTATE_SEED       the first history's seed; each failure names its own, which runs it alone with
//                   VSTATE_HISTORIES=1
// VSTATE_HISTORIES  how many there are

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "delivery/offer.h"
#include "delivery/receiver.h"
#include "ledger/ledger.h"
#include "support/catch.h"
#include "support/mail_sandbox.h"
#include "sys/local_system.h"

using namespace vstate;
namespace fs = std::filesystem;
using vstate::test::mail_owner;
using vstate::test::MailSandbox;

namespace {

const DomainName k_domain = *DomainName::parse("example.com");
const std::vector<std::string> k_folders = {"", "/.Sent", "/.Archive.2024", "/.Archive"};
constexpr int k_never = 1'000'000'000;

/// How an owner sees a message. None of the types under test is used here.
struct Look {
  std::string folder;
  bool is_new = false;
  std::set<char> flags;
  friend auto operator<=>(const Look&, const Look&) = default;

  [[nodiscard]] std::string path(const std::string& unique) const {
    return folder + (is_new ? "/new/" : "/cur/") + unique +
           (is_new ? "" : ":2," + std::string(flags.begin(), flags.end()));
  }
};

/// What the target may believe of the source: how it had a message at the last pass, and whether it
/// is known to be gone there.
struct Belief {
  Look look;
  bool is_gone = false;
  friend auto operator<=>(const Belief&, const Belief&) = default;
};
using Believed = std::optional<Belief>;

struct Message {
  std::string body;
  std::int64_t mtime = 0;
  std::optional<Look> source, target;
  /// More than one after a pass that was stopped: it may or may not have come to this message.
  std::set<Believed> beliefs = {std::nullopt};
  /// Before and after what a stopped pass announced. If its owner then does the same, or the
  /// contrary, nobody can tell whether the pass came to it.
  std::set<Believed> announced;
  /// A stopped pass may have placed it and not come to confirm it. If it is gone then, nobody can
  /// tell its owner's deletion from a rename that the disk lost, and it may come again.
  bool may_be_unconfirmed = false;
};

/// What one pass makes of one message.
struct Outcome {
  std::optional<Look> target;
  Believed belief;
};

/// One flag, or `new`: a change of the source since the last pass is done, all else stays.
bool merged(bool here, bool before, bool now) { return before != now ? now : here; }

Look merge(const Look& here, const Look& before, const Look& now) {
  Look result;
  const bool has_moved = before.folder != now.folder && here.folder == before.folder;
  result.folder = has_moved ? now.folder : here.folder;
  for (char flag = 'A'; flag <= 'z'; ++flag)
    if (merged(here.flags.contains(flag), before.flags.contains(flag), now.flags.contains(flag)))
      result.flags.insert(flag);
  // A message with flags has been seen by a reader, and stands in `cur`.
  result.is_new = merged(here.is_new, before.is_new, now.is_new) && result.flags.empty();
  return result;
}

/// The law.
Outcome implied(const Message& message, const Believed& belief, bool prunes) {
  const auto& source = message.source;
  const auto& target = message.target;
  if (source) {
    const Belief now{*source, false};
    if (!belief) return {target ? target : source, now};
    if (!target) return {std::nullopt, now};
    return {merge(*target, belief->look, *source), now};
  }
  if (!belief || belief->is_gone) return {target, belief};
  if (target && !prunes) return {target, belief};
  const bool is_touched = target && *target != belief->look;
  return {is_touched ? target : std::nullopt, Belief{belief->look, true}};
}

/// Refuses the step `stop_at` and all later ones.
class StoppingSystem : public LocalSystem {
 public:
  StoppingSystem(const std::string& root, int stop_at) : LocalSystem(root), stop_at_(stop_at) {}
  Status before_step(std::string_view what, std::string_view path) override {
    if (++steps_ >= stop_at_) return fail(Errc::interrupted, std::string(path) + ": stopped");
    changes += what == "deliver" ? 1 : 0;
    return {};
  }
  int changes = 0;  ///< of mail, not of the ledger

 private:
  int steps_ = 0, stop_at_;
};

/// The disk fills up while a file is written.
class FullDisk : public Content {
 public:
  Status read(const Sink& sink) override {
    VSTATE_TRY(sink("half"));
    return fail(Errc::io, "no space left");
  }
};

/// Passes all on, until the disk is full.
class FullDiskSink : public MailSink {
 public:
  FullDiskSink(MailSink& sink, int full_at) : sink_(sink), left_(full_at) {}
  Result<bool> wants_message(const std::string& path) override { return sink_.wants_message(path); }
  bool wants_file(const std::string& path, std::uint64_t stamp) override {
    return sink_.wants_file(path, stamp);
  }
  Status take(const TreeEntry& entry, Content& content) override {
    FullDisk full;
    const bool fails = entry.kind == EntryKind::regular && --left_ <= 0;
    return sink_.take(entry, fails ? full : content);
  }
  Status forget_unseen() override { return sink_.forget_unseen(); }
  Status finish() override { return sink_.finish(); }

 private:
  MailSink& sink_;
  int left_;
};

struct Pass {
  bool prunes = false;
  int stop_at = k_never, full_at = k_never;
};

struct Passed {
  Status status;
  int changes = 0;
};

/// Two servers below one root: /source and /target, and the target's ledger.
class Servers {
 public:
  Servers() {
    box_.directory("/source");
    box_.directory("/var/lib/vstate");
  }

  void lose_ledger() const {
    for (const auto& name : box_.paths("/var/lib/vstate"))
      fs::remove(box_.host("/var/lib/vstate/" + name));
  }

  /// As apply/mail.cc does it for one mailbox.
  [[nodiscard]] Passed pass(const Pass& how) const {
    StoppingSystem system(box_.root(), how.stop_at);
    Passed passed;
    passed.status = deliver(system, how);
    passed.changes = system.changes;
    return passed;
  }

  [[nodiscard]] const MailSandbox& box() const { return box_; }

  static Status deliver(System& system, const Pass& how) {
    VSTATE_TRY_ASSIGN(auto ledger, Ledger::open(system));
    VSTATE_TRY_ASSIGN(auto memory, ledger.mail().open(k_domain, "mailbox", "alice"));
    Batch batch(system, mail_owner(), &ledger.mail().deliveries());
    VSTATE_TRY_ASSIGN(
        const auto receiver,
        Receiver::open(system, {.directory = "/target", .owner = mail_owner(), .label = "alice"},
                       {.changes = {.gone = how.prunes ? Gone::remove : Gone::keep}}, memory,
                       batch));
    FullDiskSink sink(*receiver, how.full_at);
    OfferCount offered;
    auto status = offer_tree(system, {"/source"}, sink, offered);
    // After an interruption nothing more is placed; after all else what was built still is.
    if (status || !status.error().ends_run())
      if (auto flushed = batch.flush(); !flushed && status) status = flushed;
    VSTATE_TRY(std::move(status));
    for (const auto& [label, error] : batch.take_failures()) return tl::unexpected<Error>(error);
    return ledger.mail().settle();
  }

 private:
  MailSandbox box_;
};

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) {}

  void run() {
    const int steps = 5 + upto(40);
    for (int i = 0; i < steps; ++i) step();
    complete_pass();
  }

  [[nodiscard]] std::string told() const {
    std::string text;
    for (const auto& line : told_) text += "  " + line + "\n";
    return text;
  }
  [[nodiscard]] std::size_t passes() const { return passes_; }
  [[nodiscard]] std::size_t stopped() const { return stopped_; }

 private:
  int upto(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
  bool one_of(int count) { return upto(count) == 0; }
  void tell(const std::string& line) { told_.push_back(line); }

  void step() {
    const int what = upto(100);
    if (what < 84) return act(one_of(2));
    if (what < 93) return complete_pass();
    if (what < 99) return incomplete_pass();
    tell("the ledger is lost");
    servers_.lose_ledger();
    for (auto& [unique, message] : messages_) message.beliefs = {std::nullopt};
  }

  /// One owner, or the delivery agent of one server, does something.
  void act(bool is_source) {
    const std::string root = is_source ? "/source" : "/target";
    std::vector<std::string> there;
    for (const auto& [unique, message] : messages_)
      if (is_source ? message.source : message.target) there.push_back(unique);
    const int what = upto(10);
    if (there.empty() || what < 3) return deliver(is_source, root);
    const auto& unique = there[static_cast<std::size_t>(upto(static_cast<int>(there.size())))];
    auto& message = messages_.at(unique);
    auto& look = is_source ? message.source : message.target;
    const auto before = root + look->path(unique);
    if (!is_source) message.beliefs.merge(message.announced);
    if (what == 9) {
      tell("delete " + before);
      fs::remove(servers_.box().host(before));
      look.reset();
      if (!is_source && message.may_be_unconfirmed) message.beliefs.insert(std::nullopt);
      return;
    }
    if (what < 5) {
      look->flags.insert('S');
    } else if (what < 7) {
      const char flag = std::string("FRTa")[static_cast<std::size_t>(upto(4))];
      if (!look->flags.erase(flag)) look->flags.insert(flag);
    } else {
      look->folder = some_folder();
    }
    look->is_new = look->is_new && what >= 7 && one_of(2);
    tell(before + " -> " + look->path(unique));
    make_folder(root, look->folder);
    fs::rename(servers_.box().host(before), servers_.box().host(root + look->path(unique)));
  }

  std::string some_folder() {
    return k_folders[static_cast<std::size_t>(upto(static_cast<int>(k_folders.size())))];
  }
  void make_folder(const std::string& root, const std::string& folder) const {
    if (!servers_.box().exists(root)) servers_.box().directory(root);
    const auto path = root + folder;
    for (const auto* part : {"", "/new", "/cur", "/tmp"})
      if (!servers_.box().exists(path + part)) servers_.box().directory(path + part);
  }

  void deliver(bool is_source, const std::string& root) {
    const int number = ++delivered_;
    Message message;
    message.body = "message " + std::to_string(number) +
                   std::string(static_cast<std::size_t>(upto(40)), '.') + "\n";
    message.mtime = 1600000000 + number;
    std::string unique = std::to_string(message.mtime) + ".M1P1." + (is_source ? "old" : "new");
    // With its size in its name, with another's, and without.
    if (const int kind = upto(4); kind < 3)
      unique += ",S=" + std::to_string(kind < 2 ? message.body.size() : 7777);
    Look look{one_of(2) ? "" : some_folder(), !one_of(4), {}};
    make_folder(root, look.folder);
    tell("deliver " + root + look.path(unique));
    servers_.box().file(root + look.path(unique), message.body, message.mtime);
    (is_source ? message.source : message.target) = look;
    messages_.emplace(unique, std::move(message));
  }

  void complete_pass() {
    Pass how;
    how.prunes = one_of(2);
    tell(how.prunes ? "pass with prune" : "pass");
    const bool delivers = std::any_of(messages_.begin(), messages_.end(), [](const auto& named) {
      const auto& [source, target, beliefs] =
          std::tie(named.second.source, named.second.target, named.second.beliefs);
      return source && !target && beliefs == std::set<Believed>{std::nullopt};
    });
    const auto passed = servers_.pass(how);
    ++passes_;
    INFO(told());
    if (!passed.status) FAIL(passed.status.error().message);
    const auto found = look_at_target();
    for (auto& [unique, message] : messages_) {
      CAPTURE(unique);
      std::set<Believed> beliefs;
      std::string expected;
      for (const auto& belief : message.beliefs) {
        const auto outcome = implied(message, belief, how.prunes);
        expected += " " + shown(outcome.target, unique);
        if (outcome.target == found_in(found, unique)) beliefs.insert(outcome.belief);
      }
      CAPTURE(expected);
      CAPTURE(shown(found_in(found, unique), unique));
      if (beliefs.empty()) FAIL("the law is broken");
      message.beliefs = std::move(beliefs);
      message.announced.clear();
      message.may_be_unconfirmed = false;
      message.target = found_in(found, unique);
    }
    // Nobody looks for those of a stopped pass until something comes.
    if (delivers && servers_.box().has_temporaries("/target")) FAIL("a temporary is left");
    if (!one_of(3)) return;
    const auto before = servers_.box().snapshot("/target");
    const auto again = servers_.pass(how);
    REQUIRE(again.status);
    REQUIRE(again.changes == 0);
    REQUIRE(servers_.box().snapshot("/target") == before);
  }

  /// One that is killed, or one that fills the disk.
  void incomplete_pass() {
    Pass how;
    how.prunes = one_of(2);
    (one_of(3) ? how.full_at : how.stop_at) = 1 + upto(one_of(2) ? 4 : 24);
    const auto passed = servers_.pass(how);
    ++passes_;
    ++stopped_;
    tell(std::string(how.prunes ? "pass with prune" : "pass") +
         (how.full_at == k_never ? " stopped at step " + std::to_string(how.stop_at)
                                 : ", the disk is full at file " + std::to_string(how.full_at)) +
         (passed.status ? ", which it does not come to" : ""));
    INFO(told());
    const auto found = look_at_target();
    for (auto& [unique, message] : messages_) {
      CAPTURE(unique);
      const auto target = found_in(found, unique);
      std::set<Believed> beliefs;
      for (const auto& belief : message.beliefs) {
        const auto outcome = implied(message, belief, how.prunes);
        if (target == message.target) beliefs.insert(belief);
        if (target == outcome.target) beliefs.insert(outcome.belief);
        if (belief) message.announced.insert({belief, outcome.belief});
      }
      CAPTURE(shown(message.target, unique));
      CAPTURE(shown(target, unique));
      if (beliefs.empty()) FAIL("a stopped pass did what no pass does");
      if (target && !message.target) message.may_be_unconfirmed = true;
      message.beliefs = std::move(beliefs);
      message.target = target;
    }
  }

  static std::string shown(const std::optional<Look>& look, const std::string& unique) {
    return look ? look->path(unique) : "none";
  }
  static std::optional<Look> found_in(const std::map<std::string, Look>& found,
                                      const std::string& unique) {
    const auto at = found.find(unique);
    return at == found.end() ? std::nullopt : std::optional(at->second);
  }

  /// All messages of the target; each is whole, has its time, and is there once.
  std::map<std::string, Look> look_at_target() {
    std::map<std::string, Look> found;
    if (!servers_.box().exists("/target")) return found;
    for (const auto& path : servers_.box().paths("/target")) {
      const auto full = "/target/" + path;
      if (!fs::is_regular_file(servers_.box().host(full))) continue;
      const fs::path parts(path);
      const auto part = parts.parent_path().filename().string();
      const auto name = parts.filename().string();
      if (part == "tmp") continue;
      INFO(path);
      REQUIRE((part == "new" || part == "cur"));
      Look look;
      look.is_new = part == "new";
      if (const auto folder = parts.parent_path().parent_path().string(); !folder.empty())
        look.folder = "/" + folder;
      const auto colon = name.find(":2,");
      REQUIRE((colon == std::string::npos) == look.is_new);
      if (!look.is_new)
        for (const char flag : name.substr(colon + 3)) look.flags.insert(flag);
      const auto unique = name.substr(0, colon);
      REQUIRE(path == look.path(unique).substr(1));
      REQUIRE(found.emplace(unique, look).second);
      const auto known = messages_.find(unique);
      REQUIRE(known != messages_.end());
      REQUIRE(servers_.box().content(full) == known->second.body);
      struct stat st {};
      REQUIRE(stat(servers_.box().host(full).c_str(), &st) == 0);
      REQUIRE(st.st_mtim.tv_sec == known->second.mtime);
      REQUIRE((st.st_mode & 0777U) == 0600U);
    }
    return found;
  }

  std::mt19937_64 random_;
  Servers servers_;
  std::map<std::string, Message> messages_;
  std::vector<std::string> told_;
  int delivered_ = 0;
  std::size_t passes_ = 0, stopped_ = 0;
};

std::uint64_t number_of(const char* name, std::uint64_t otherwise) {
  const char* text = getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("what is at the target is what the actions of both owners imply",
          "[mail][law][history]") {
  const auto first = number_of("VSTATE_SEED", std::random_device()());
  const auto histories = number_of("VSTATE_HISTORIES", 300);
  std::size_t passes = 0, stopped = 0;
  for (std::uint64_t i = 0; i < histories; ++i) {
    INFO("VSTATE_SEED=" << first + i << " VSTATE_HISTORIES=1");
    History history(first + i);
    history.run();
    passes += history.passes();
    stopped += history.stopped();
  }
  CHECK(passes > histories);
  CHECK((histories < 100 || stopped > histories / 2));
}

// What histories have found.

TEST_CASE("what a stopped pass built for a message that is then deleted there is removed",
          "[mail][history]") {
  int left_over = 0;
  for (int stop_at = 1; stop_at < 30; ++stop_at) {
    CAPTURE(stop_at);
    const Servers servers;
    const auto& box = servers.box();
    box.maildir("/source/.Sent");
    box.file("/source/.Sent/new/1.a", "one");
    Pass stopped;
    stopped.stop_at = stop_at;
    if (servers.pass(stopped).status) break;
    const bool is_left_over = box.exists("/target") && box.has_temporaries("/target");
    left_over += is_left_over ? 1 : 0;
    fs::remove(box.host("/source/.Sent/new/1.a"));
    box.file("/source/.Sent/new/2.b", "two");
    REQUIRE(servers.pass({}).status);
    CHECK(box.exists("/target/.Sent/new/2.b"));
    CHECK((!is_left_over || !box.exists("/target/.Sent/new/1.a")));
    CHECK(!box.has_temporaries("/target"));
  }
  CHECK(left_over > 0);
}

TEST_CASE("a message that is copied into another folder is in both", "[mail][history]") {
  // Walked before and behind the folder of the message itself.
  for (const auto* folder : {"/.Copy", "/zCopy"}) {
    CAPTURE(folder);
    const Servers servers;
    const auto& box = servers.box();
    box.maildir("/source");
    box.maildir(std::string("/source") + folder);
    box.file("/source/cur/1.a,S=3:2,S", "one");
    REQUIRE(servers.pass({}).status);
    box.file(std::string("/source") + folder + "/cur/1.a,S=3:2,S", "one");
    for (int passes = 0; passes < 3; ++passes) {
      REQUIRE(servers.pass({.prunes = passes > 0}).status);
      CHECK(box.exists("/target/cur/1.a,S=3:2,S"));
      CHECK(box.exists(std::string("/target") + folder + "/cur/1.a,S=3:2,S"));
    }
  }
}

TEST_CASE("a disk that is full after a stopped pass costs no message", "[mail][history]") {
  for (int stop_at = 1;; ++stop_at) {
    CAPTURE(stop_at);
    const Servers servers;
    const auto& box = servers.box();
    box.maildir("/source");
    box.file("/source/new/1.a", "one");
    Pass stopped;
    stopped.stop_at = stop_at;
    const bool was_stopped = !servers.pass(stopped).status;
    Pass full;
    full.full_at = 1;
    CHECK(servers.pass(full).status.has_value() == box.exists("/target/new/1.a"));
    REQUIRE(servers.pass({}).status);
    CHECK(box.exists("/target/new/1.a"));
    if (!was_stopped) {
      CHECK(stop_at > 5);
      break;
    }
  }
}

TEST_CASE("a message that is delivered here meanwhile holds nothing else up", "[mail][history]") {
  const Servers servers;
  const auto& box = servers.box();
  box.maildir("/source");
  box.file("/source/new/1.a", "one");
  box.file("/source/new/2.b", "two");
  chmod(box.base.c_str(), 0755);  // the mailbox's owner comes through
  /// Its second step is the rename.
  class Meanwhile : public LocalSystem {
   public:
    explicit Meanwhile(const MailSandbox& box) : LocalSystem(box.root()), box_(box) {}
    Status before_step(std::string_view what, std::string_view path) override {
      if (path != "/target/new/1.a" || what != "deliver" || ++times_ != 2) return {};
      std::ofstream(box_.host("/target/new/1.a")) << "one";
      return {};
    }

   private:
    const MailSandbox& box_;
    int times_ = 0;
  } meanwhile(box);
  const auto status = Servers::deliver(meanwhile, {});
  REQUIRE(!status);
  CHECK(status.error().code == Errc::conflict);
  CHECK(box.exists("/target/new/2.b"));
  CHECK(!box.has_temporaries("/target"));
  REQUIRE(servers.pass({}).status);
  CHECK(box.content("/target/new/1.a") == "one");
  fs::remove(box.host("/target/new/1.a"));
  REQUIRE(servers.pass({}).status);
  CHECK(!box.exists("/target/new/1.a"));
}

TEST_CASE("a keyword that is taken back at the source after a stopped pass is taken back here",
          "[mail][history]") {
  int marked = 0;
  for (int stop_at = 1;; ++stop_at) {
    CAPTURE(stop_at);
    const Servers servers;
    const auto& box = servers.box();
    box.maildir("/source");
    box.file("/source/cur/1.a:2,S", "one");
    REQUIRE(servers.pass({}).status);
    fs::rename(box.host("/source/cur/1.a:2,S"), box.host("/source/cur/1.a:2,Sa"));
    Pass stopped;
    stopped.stop_at = stop_at;
    const bool was_stopped = !servers.pass(stopped).status;
    marked += was_stopped && box.exists("/target/cur/1.a:2,Sa") ? 1 : 0;
    fs::rename(box.host("/source/cur/1.a:2,Sa"), box.host("/source/cur/1.a:2,S"));
    REQUIRE(servers.pass({}).status);
    CHECK(box.exists("/target/cur/1.a:2,S"));
    if (!was_stopped) break;
  }
  CHECK(marked > 0);
}
