#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include <fmt/format.h>

#include "archive/archive.h"
#include "archive/index.h"
#include "cli/commands.h"
#include "cli/dump.h"
#include "cli/host_file.h"
#include "cli/patterns.h"
#include "cli/session.h"
#include "cli/tally.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

class Dumping {
 public:
  Dumping(Session& session, const DumpChoice& choice) : session_(session), choice_(choice) {}

  Result<DomainDump> run(const DomainName& name);

 private:
  Status lock_archives(const std::string& domain);
  Status archive_all(Observation&);
  void take(std::optional<ArchiveRef>& into, const ArchiveSource&, const std::string& address,
            const std::string& relative);
  Result<std::optional<ArchiveRef>> archive(const ArchiveSource&, const std::string& address,
                                            const std::string& relative);
  [[nodiscard]] Result<std::optional<IndexFile>> read_index(const std::string& path) const;
  [[nodiscard]] static std::string path_of_part(const std::string& whole,
                                                const ArchiveRef& present);

  Session& session_;
  const DumpChoice& choice_;
  std::vector<LeftOut> left_out_;  ///< by the walks
  std::optional<Error> failure_;   ///< all of them, in one message
  DomainDump out_;
};

Result<DomainDump> Dumping::run(const DomainName& name) {
  VSTATE_TRY_ASSIGN(auto observation, inspect_source(session_, name, choice_.selection));
  static_cast<DumpReport&>(out_) = report_of(observation, choice_.clear_passwords);
  VSTATE_TRY(archive_all(observation));
  out_.counts.add(observation.accounting);
  auto& state = *observation.state;
  state.left_out.insert(state.left_out.end(), left_out_.begin(), left_out_.end());
  out_.left_out = state.left_out;
  if (!choice_.clear_passwords) state = without_clear_passwords(std::move(state));
  out_.text = document::write(state);
  return std::move(out_);
}

Result<std::optional<ArchiveRef>> Dumping::archive(const ArchiveSource& source,
                                                   const std::string& address,
                                                   const std::string& relative) {
  const auto& mail = choice_.mail;
  if (mail.empty()) {
    VSTATE_TRY_ASSIGN(const auto tree, count_tree(*session_.system, source));
    VSTATE_TRY(failure_of(tree));
    out_.has_changed = out_.has_changed || tree.gone > 0;
    out_.counts.add(tree, address);
    leave_out(left_out_, address, tree);
    out_.counts.not_dumped += tree.archived;
    return std::optional<ArchiveRef>();
  }
  const auto whole = path_join(mail, relative);
  const auto index_path = whole + ".index";
  VSTATE_TRY(make_private_directories(std::filesystem::path(whole).parent_path()));
  VSTATE_TRY_ASSIGN(const auto known, read_index(index_path));
  auto index = known.value_or(IndexFile());
  const auto part_path = path_of_part(relative, index.archive);
  auto written =
      index.archive.archive.empty()
          ? write_archive(*session_.system, source, path_join(mail, part_path), &index.entries)
          : write_increment(*session_.system, source, path_join(mail, part_path), index.entries);
  if (!written) return tl::unexpected<Error>(written.error());
  const auto& summary = *written;
  out_.has_changed = out_.has_changed || summary.count.gone > 0;
  out_.counts.add(summary.count, address);
  leave_out(left_out_, address, summary.count);
  out_.counts.archived += summary.count.archived;
  const bool is_first = index.archive.archive.empty();
  if (!summary.is_trivial) {
    ArchivePart part{part_path, summary.messages, summary.bytes, summary.sha256};
    if (is_first)
      static_cast<ArchivePart&>(index.archive) = std::move(part);
    else
      index.archive.increments.push_back(std::move(part));
    // The index comes after the archive that it names, and before the file does.
    VSTATE_TRY_ASSIGN(const auto bytes, to_bytes(index, mail));
    VSTATE_TRY(write_host_file(index_path, bytes));
  } else if (is_first) {
    return std::optional<ArchiveRef>();
  }
  return std::optional(std::move(index.archive));
}

/// What cannot be read of one does not hold up the look at the others: all of it is said at once.
void Dumping::take(std::optional<ArchiveRef>& into, const ArchiveSource& source,
                   const std::string& address, const std::string& relative) {
  if (choice_.selection.excludes(address) || (failure_ && failure_->ends_run())) return;
  auto taken = archive(source, address, relative);
  if (taken) {
    into = *std::move(taken);
  } else if (taken.error().code == Errc::not_found) {
    out_.has_changed = true;  // deleted since it was listed
  } else if (failure_) {
    failure_->message += "\n" + taken.error().message;
  } else {
    failure_ = taken.error();
  }
}

/// Of the archives of an earlier dump; nothing where it has to begin anew.
Result<std::optional<IndexFile>> Dumping::read_index(const std::string& path) const {
  const auto bytes = read_host_file(path);
  if (!bytes && bytes.error().code != Errc::not_found) return tl::unexpected<Error>(bytes.error());
  auto index = bytes ? parse_index(*bytes, choice_.mail) : std::nullopt;
  constexpr std::size_t most_increments = 99;
  if (index && index->archive.increments.size() >= most_increments)
    return std::optional<IndexFile>();
  return index;
}

/// "alice.tar.zst", then "alice.2.tar.zst" and so on.
std::string Dumping::path_of_part(const std::string& whole, const ArchiveRef& present) {
  if (present.archive.empty()) return whole;
  constexpr std::string_view ending = ".tar.zst";
  return fmt::format("{}.{}{}", whole.substr(0, whole.size() - ending.size()),
                     present.increments.size() + 2, ending);
}

/// Two dumps of a domain at once would each write an index that is not of the other's archives.
Status Dumping::lock_archives(const std::string& domain) {
  const auto path = path_join(choice_.mail, domain);
  VSTATE_TRY(make_private_directories(path));
  Handle directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return fail_errno(path, "cannot open");
  if (flock(directory.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno(path, "cannot lock");
    return fail(Errc::busy,
                fmt::format("{}: another dump is writing into it; run it again later", path),
                Scope::run);
  }
  out_.lock = std::move(directory);
  return {};
}

Status Dumping::archive_all(Observation& observation) {
  auto& state = *observation.state;
  const auto& domain = state.name.text();
  if (!choice_.mail.empty()) VSTATE_TRY(lock_archives(domain));
  for (const auto& [name, source] : observation.mailbox_archives)
    take(state.mailboxes.at(name).mail, source, "mail." + name.text(),
         fmt::format("{}/mailbox/{}.tar.zst", domain, name.text()));
  for (const auto& [name, source] : observation.list_archives)
    if (const auto list = state.lists.find(name); list != state.lists.end())
      take(list->second.archive, source, "archive." + name.text(),
           fmt::format("{}/list/{}.tar.zst", domain, name.text()));
  if (observation.domain_archive)
    take(state.archive, *observation.domain_archive, "files", domain + "/files.tar.zst");
  return failure_ ? Status(tl::unexpected<Error>(*failure_)) : Status();
}

void tell_counts(const Console& console, const DomainName& name, const DumpCounts& counts) {
  console.say(fmt::format("{}: {} entries in the file, {} in archives, {} rebuilt on the target",
                          name.text(), with_thousands(counts.expressed),
                          with_thousands(counts.archived), with_thousands(counts.rebuilt)));
  for (const auto& [reason, number] : counts.reasons)
    console.say(fmt::format("{}: rebuilt: {} ({})", name.text(), with_thousands(number), reason));
  for (const auto& followed : counts.followed)
    console.say(fmt::format("{}: {}; carried", name.text(), followed));
  if (counts.not_dumped > 0)
    console.say(fmt::format(
        "{}: not dumped: {} entries of mail and list archives; --mail DIR takes them along",
        name.text(), with_thousands(counts.not_dumped)));
}

/// A dump that leaves something out says so by its status.
Exit exit_of_dump(const DumpReport& report) {
  if (report.has_changed) return Exit::source_changed;
  return report.left_out.empty() ? Exit::done : Exit::differences;
}

DumpChoice choice_of(const CommonOptions& common, const DumpOptions& options) {
  return {options.mail, options.clear_passwords, common.selection};
}

/// Into standard output, which the reader may have asked to leave something out of.
Exit run_stream(const Console& console, Session& session, const DomainName& name,
                const CommonOptions& common, const DumpOptions& options) {
  Have have;
  if (!options.have.empty()) {
    const auto bytes = read_input(options.have);
    if (!bytes) {
      return Console::fail(bytes.error());
    }
    auto parsed = parse_have(*bytes);
    if (!parsed) return Console::fail(parsed.error());
    have = *std::move(parsed);
  }
  if (const auto done = make_output_private(); !done) return Console::fail(done.error());
  auto freeze = freeze_deliveries(session, name, options.freeze);
  if (!freeze) return Console::fail(freeze.error());
  const auto dumped = dump_stream(session, name, STDOUT_FILENO, have, choice_of(common, options));
  if (!dumped) return Console::fail(dumped.error());
  const bool is_ours = *freeze && (*freeze)->is_ours();
  // Who says what they have counts themselves what comes.
  if (options.have.empty())
    tell(console, name, *dumped, is_ours);
  else
    tell_source(console, name, *dumped, is_ours);
  return unfrozen(*freeze, exit_of_dump(*dumped));
}

Result<std::vector<DomainName>> domains_to_dump(const Console& console, Session& session,
                                                const DumpOptions& options) {
  if (options.all) {
    for (const auto& domain : session.qmail->domains())
      if (domain.kind == AssignedDomain::Kind::foreign)
        console.say(fmt::format("{}: left alone: users/assign gives it to {} in {}", domain.name,
                                domain.real, domain.directory));
    return real_domains(*session.qmail);
  }
  std::vector<DomainName> names;
  for (const auto& text : options.domains) {
    VSTATE_TRY_ASSIGN(auto name, DomainName::parse(text));
    names.push_back(std::move(name));
  }
  return names;
}

/// Standard output, the file of -o, or DOMAIN.toml in the directory of -o.
Status deliver_text(const DumpOptions& options, const DomainName& name, const std::string& text) {
  if (options.output.empty() || options.output == "-") {
    VSTATE_TRY(make_output_private());
    return Console::print(text) ? Status() : Status(fail_errno("standard output", "cannot write"));
  }
  const bool is_directory =
      std::filesystem::is_directory(options.output) || options.output.back() == '/';
  if (!is_directory) return write_host_file(options.output, text);
  VSTATE_TRY(make_private_directories(std::filesystem::path(options.output + "/").parent_path()));
  return write_host_file(path_join(options.output, name.text() + ".toml"), text);
}

Exit dump_one(const Console& console, Session& session, const DomainName& name,
              const CommonOptions& common, const DumpOptions& options) {
  const auto fail = [&](const Error& error) { return Console::fail(error.in(name.text())); };
  auto freeze = freeze_deliveries(session, name, options.freeze);
  if (!freeze) return fail(freeze.error());
  const auto dumped = dump_domain(session, name, choice_of(common, options));
  if (!dumped) return fail(dumped.error());
  if (const auto status = deliver_text(options, name, dumped->text); !status)
    return fail(status.error());
  tell(console, name, *dumped, *freeze && (*freeze)->is_ours());
  return unfrozen(*freeze, exit_of_dump(*dumped));
}

}  // namespace

void DumpCounts::add(const TreeCount& tree, const std::string& label) {
  rebuilt += tree.rebuilt;
  for (const auto& [reason, number] : tree.rebuilt_reasons) reasons[reason] += number;
  for (const auto& link : tree.followed) followed.push_back(fmt::format("{}: {}", label, link));
}

void DumpCounts::add(const Accounting& accounting) {
  expressed = accounting.expressed.size();
  rebuilt += accounting.rebuilt.size();
  for (const auto& [path, reason] : accounting.rebuilt) ++reasons[reason];
}

void leave_out(std::vector<LeftOut>& out, const std::string& address, const TreeCount& tree) {
  for (const auto& refused : tree.refused) out.push_back({address, refused, 0, 0});
}

DumpReport report_of(const Observation& observation, bool clear_passwords) {
  DumpReport report;
  report.remarks = observation.condition.remarks;
  for (const auto& defect : observation.condition.defects)
    report.remarks.push_back(defect.subject.empty()
                                 ? defect.detail
                                 : fmt::format("{}: {}", defect.subject, defect.detail));
  report.notes = observation.notes;
  report.is_frozen = observation.condition.is_frozen;
  report.has_changed = observation.has_changed;
  report.left_out = observation.state->left_out;
  const auto& mailboxes = observation.state->mailboxes;
  const auto clear = std::count_if(mailboxes.begin(), mailboxes.end(), [](const auto& item) {
    return item.second.clear_password.has_value();
  });
  if (clear > 0 && !clear_passwords)
    report.remarks.push_back(fmt::format(
        "{} clear-text password{} left out, without which CRAM-MD5 and APOP do not work; "
        "--clear-passwords takes them along",
        with_thousands(static_cast<std::uint64_t>(clear)), clear == 1 ? " is" : "s are"));
  return report;
}

void tell(const Console& console, const DomainName& name, const DumpReport& report,
          bool is_frozen_by_us) {
  tell_counts(console, name, report.counts);
  tell_source(console, name, report, is_frozen_by_us);
}

void tell_source(const Console& console, const DomainName& name, const DumpReport& report,
                 bool is_frozen_by_us) {
  for (const auto& note : report.notes)
    console.say(fmt::format("{}: {}", name.text(), visible(note)));
  auto remarks = report.remarks;
  if (report.is_frozen && !is_frozen_by_us) remarks.emplace_back(k_frozen_remark);
  for (const auto& remark : remarks)
    console.warning(fmt::format("{}: warning: {}", name.text(), visible(remark)));
  for (const auto& item : report.left_out) {
    const auto mail = item.messages == 0
                          ? std::string()
                          : fmt::format(" ({} message{}, {})", with_thousands(item.messages),
                                        item.messages == 1 ? "" : "s", human_bytes(item.bytes));
    Console::error(fmt::format("{}: left out: {}{}: {}", name.text(), visible(item.address), mail,
                               visible(item.why)));
  }
  if (report.has_changed)
    Console::error(fmt::format("{}: changed while it was read; run it again", name.text()));
}

State without_clear_passwords(State state) {
  for (auto& [key, mailbox] : state.mailboxes) mailbox.clear_password.reset();
  return state;
}

Result<Observation> inspect_source(Session& session, const DomainName& name,
                                   const Selection& selection) {
  VSTATE_TRY(look_at_qmail(session));
  VSTATE_TRY_ASSIGN(auto observation,
                    inspect_domain(*session.system, session.server, *session.store, *session.qmail,
                                   name, selection));
  if (!observation.state) return fail(Errc::not_found, "there is no such domain on this server");
  if (auto why = why_not_a_source(observation); !why.empty())
    return fail(Errc::invalid, std::move(why), Scope::domain);
  return observation;
}

Result<DomainDump> dump_domain(Session& session, const DomainName& name, const DumpChoice& choice) {
  return Dumping(session, choice).run(name);
}

Exit run_dump(const CommonOptions& common, const DumpOptions& options) {
  const Console console(common);
  auto session = open_session(common, Access::read);
  if (!session) return Console::fail(session.error());
  const auto names = domains_to_dump(console, *session, options);
  if (!names) return Console::fail(names.error());
  if (!are_spelt_well(
          misspelt_patterns(common.selection, "what would be dumped", {}, {{*session, *names}})))
    return Exit::error;
  if (options.mail == "-") {
    if (names->size() == 1) return run_stream(console, *session, names->front(), common, options);
    Console::error("a stream holds one domain");
    return Exit::usage;
  }
  const bool is_one_output =
      options.output.empty() || options.output == "-" ||
      (options.output.back() != '/' && !std::filesystem::is_directory(options.output));
  if (names->size() != 1 && is_one_output) {
    Console::error("a file describes one domain; for more name a directory with -o DIR/");
    return Exit::usage;
  }
  Tally tally;
  bool has_written = false;
  for (const auto& name : *names) {
    const auto exit = dump_one(console, *session, name, common, options);
    tally.add(name.text(), exit);
    has_written = has_written || exit != Exit::error;
  }
  if (const auto summary = tally.summary(); !summary.empty()) console.say(summary);
  return tally.exit(has_written);
}

}  // namespace vstate::cli
