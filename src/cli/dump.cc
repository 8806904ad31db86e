#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include <fmt/format.h>

#include "commands.h"
#include "dump.h"
#include "host_file.h"
#include "session.h"
#include "vstate/base/text.h"
#include "vstate/mail/archive.h"
#include "vstate/mail/archive_index.h"

namespace vstate::cli {

namespace {

/// Makes a file that holds hashes readable for its owner alone, before the first byte is in it.
bool protect_standard_output() {
  struct stat st {};
  if (fstat(STDOUT_FILENO, &st) != 0 || !S_ISREG(st.st_mode)) return true;
  return fchmod(STDOUT_FILENO, 0600) == 0;
}

class Dumping {
 public:
  Dumping(Session& session, const std::string& mail, bool clear_passwords)
      : session_(session), mail_(mail), clear_passwords_(clear_passwords) {}

  Result<DomainDump> run(const DomainName& name);

 private:
  Status archive_all(Observation&);
  Result<std::optional<ArchiveRef>> archive(const ArchiveSource&, const std::string& relative);
  [[nodiscard]] std::optional<IndexFile> read_index(const std::string& path) const;
  [[nodiscard]] static std::string path_of_part(const std::string& whole,
                                                const ArchiveRef& present);

  Session& session_;
  const std::string& mail_;
  bool clear_passwords_;
  DomainDump out_;
};

Result<DomainDump> Dumping::run(const DomainName& name) {
  VSTATE_TRY_ASSIGN(auto observation,
                    inspect_domain(*session_.system, session_.server, *session_.store, name));
  if (!observation.state)
    return fail(Errc::not_found,
                fmt::format("{}: there is no such domain on this server", name.text()));
  VSTATE_TRY(archive_all(observation));
  out_.counts.add(observation.accounting);
  auto& state = *observation.state;
  if (!clear_passwords_) state = without_clear_passwords(std::move(state));
  out_.remarks = remarks_of(observation.condition);
  out_.is_frozen = observation.condition.is_frozen;
  out_.text = document::write(state);
  return std::move(out_);
}

Result<std::optional<ArchiveRef>> Dumping::archive(const ArchiveSource& source,
                                                   const std::string& relative) {
  if (mail_.empty()) {
    VSTATE_TRY_ASSIGN(const auto tree,
                      count_tree(*session_.system, source.directory, source.expressed));
    out_.counts.add(tree);
    out_.counts.not_dumped += tree.archived;
    return std::optional<ArchiveRef>();
  }
  const auto whole = path_join(mail_, relative);
  const auto index_path = whole + ".index";
  VSTATE_TRY(make_private_directories(std::filesystem::path(whole).parent_path()));
  auto index = read_index(index_path).value_or(IndexFile());
  const auto part_path = path_of_part(relative, index.archive);
  auto written = index.archive.archive.empty()
                     ? write_archive(*session_.system, source.directory, source.expressed,
                                     path_join(mail_, part_path), &index.entries)
                     : write_increment(*session_.system, source.directory, source.expressed,
                                       path_join(mail_, part_path), index.entries);
  if (!written) return tl::unexpected<Error>(written.error());
  const auto& summary = *written;
  out_.counts.add(summary.count);
  out_.counts.archived += summary.count.archived;
  const bool is_first = index.archive.archive.empty();
  if (!summary.is_trivial) {
    ArchivePart part{part_path, summary.messages, summary.bytes, summary.sha256};
    if (is_first)
      static_cast<ArchivePart&>(index.archive) = std::move(part);
    else
      index.archive.increments.push_back(std::move(part));
    // The index comes after the archive that it names, and before the file does.
    VSTATE_TRY_ASSIGN(const auto bytes, to_bytes(index, mail_));
    VSTATE_TRY(write_host_file(index_path, bytes));
  } else if (is_first) {
    return std::optional<ArchiveRef>();
  }
  return std::optional(std::move(index.archive));
}

/// Of the archives of an earlier dump; nothing where it has to begin anew.
std::optional<IndexFile> Dumping::read_index(const std::string& path) const {
  const auto bytes = read_input(path);
  auto index = bytes ? parse_index(*bytes, mail_) : std::nullopt;
  constexpr std::size_t most_increments = 99;
  if (index && index->archive.increments.size() >= most_increments) return std::nullopt;
  return index;
}

/// "alice.tar.zst", then "alice.2.tar.zst" and so on.
std::string Dumping::path_of_part(const std::string& whole, const ArchiveRef& present) {
  if (present.archive.empty()) return whole;
  constexpr std::string_view ending = ".tar.zst";
  return fmt::format("{}.{}{}", whole.substr(0, whole.size() - ending.size()),
                     present.increments.size() + 2, ending);
}

Status Dumping::archive_all(Observation& observation) {
  auto& state = *observation.state;
  const auto& domain = state.name.text();
  for (const auto& [name, source] : observation.mailbox_archives) {
    const auto path = fmt::format("{}/mailbox/{}.tar.zst", domain, name.text());
    VSTATE_TRY_ASSIGN(state.mailboxes.at(name).mail, archive(source, path));
  }
  for (const auto& [name, source] : observation.list_archives) {
    const auto path = fmt::format("{}/list/{}.tar.zst", domain, name.text());
    VSTATE_TRY_ASSIGN(state.lists.at(name).archive, archive(source, path));
  }
  if (observation.domain_archive) {
    VSTATE_TRY_ASSIGN(state.archive,
                      archive(*observation.domain_archive, domain + "/files.tar.zst"));
  }
  return {};
}

void tell_counts(const Console& console, const DomainName& name, const DumpCounts& counts) {
  console.say(fmt::format("{}: {} entries in the file, {} in archives, {} rebuilt on the target",
                          name.text(), with_thousands(counts.expressed),
                          with_thousands(counts.archived), with_thousands(counts.rebuilt)));
  for (const auto& [reason, number] : counts.reasons)
    console.say(fmt::format("  rebuilt: {} ({})", with_thousands(number), reason));
  for (const auto& refused : counts.refused)
    Console::error(fmt::format("{}: cannot be carried: {}", name.text(), refused));
  if (counts.not_dumped > 0)
    console.say(fmt::format(
        "  not dumped: {} entries of mail and list archives; --mail DIR takes them along",
        with_thousands(counts.not_dumped)));
}

void tell_remarks(const DomainName& name, std::vector<std::string> remarks, bool is_frozen,
                  const std::optional<DeliveryFreeze>& freeze) {
  if (is_frozen && !(freeze && freeze->is_ours())) remarks.emplace_back(k_frozen_remark);
  for (const auto& remark : remarks)
    Console::error(fmt::format("{}: warning: {}", name.text(), remark));
}

/// Into standard output, which the reader may have asked to leave something out of.
Exit run_stream(const Console& console, Session& session, const DomainName& name,
                const DumpOptions& options) {
  Have have;
  if (!options.have.empty()) {
    const auto bytes = read_input(options.have);
    if (!bytes) {
      Console::error(fmt::format("{}: cannot be read", options.have));
      return Exit::error;
    }
    auto parsed = parse_have(*bytes);
    if (!parsed) return Console::fail(parsed.error());
    have = *std::move(parsed);
  }
  if (!protect_standard_output())
    return Console::fail(Error{Errc::io, "standard output: cannot be protected", Scope::run});
  auto freeze = freeze_deliveries(session, name, options.freeze);
  if (!freeze) return Console::fail(freeze.error());
  const auto dumped = dump_stream(session, name, STDOUT_FILENO, have, options.clear_passwords);
  if (!dumped) return Console::fail(dumped.error());
  tell_counts(console, name, dumped->counts);
  tell_remarks(name, dumped->remarks, dumped->is_frozen, *freeze);
  return unfrozen(*freeze, dumped->has_changed ? Exit::source_changed : Exit::done);
}

Result<std::vector<DomainName>> domains_to_dump(Session& session, const DumpOptions& options) {
  if (options.all) return list_domains(*session.system, session.server);
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
    if (!protect_standard_output() || !Console::print(text))
      return fail_errno("standard output", "cannot write");
    return {};
  }
  const bool is_directory =
      std::filesystem::is_directory(options.output) || options.output.back() == '/';
  if (!is_directory) return write_host_file(options.output, text);
  VSTATE_TRY(make_private_directories(std::filesystem::path(options.output + "/").parent_path()));
  return write_host_file(path_join(options.output, name.text() + ".toml"), text);
}

Exit dump_one(const Console& console, Session& session, const DomainName& name,
              const DumpOptions& options) {
  auto freeze = freeze_deliveries(session, name, options.freeze);
  if (!freeze) return Console::fail(freeze.error());
  const auto dumped = dump_domain(session, name, options.mail, options.clear_passwords);
  const auto status = dumped ? deliver_text(options, name, dumped->text)
                             : Status(tl::unexpected<Error>(dumped.error()));
  if (!status) return Console::fail(status.error());
  tell_counts(console, name, dumped->counts);
  tell_remarks(name, dumped->remarks, dumped->is_frozen, *freeze);
  return unfrozen(*freeze, Exit::done);
}

}  // namespace

void DumpCounts::add(const TreeCount& tree, const std::string& label) {
  rebuilt += tree.rebuilt;
  for (const auto& [reason, number] : tree.rebuilt_reasons) reasons[reason] += number;
  for (const auto& path : tree.refused)
    refused.push_back(label.empty() ? path : fmt::format("{}: {}", label, path));
}

void DumpCounts::add(const Accounting& accounting) {
  expressed = accounting.expressed.size();
  rebuilt += accounting.rebuilt.size();
  for (const auto& [path, reason] : accounting.rebuilt) ++reasons[reason];
  refused.insert(refused.end(), accounting.refused.begin(), accounting.refused.end());
}

std::vector<std::string> remarks_of(const Condition& condition) {
  auto remarks = condition.remarks;
  for (const auto& defect : condition.defects)
    remarks.push_back(defect.subject.empty()
                          ? defect.detail
                          : fmt::format("{}: {}", defect.subject, defect.detail));
  return remarks;
}

State without_clear_passwords(State state) {
  for (auto& [key, mailbox] : state.mailboxes) mailbox.clear_password.reset();
  return state;
}

Result<DomainDump> dump_domain(Session& session, const DomainName& name, const std::string& mail,
                               bool clear_passwords) {
  return Dumping(session, mail, clear_passwords).run(name);
}

Exit run_dump(const CommonOptions& common, const DumpOptions& options) {
  const Console console(common);
  auto session = open_session(common, Access::read);
  if (!session) return Console::fail(session.error());
  const auto names = domains_to_dump(*session, options);
  if (!names) return Console::fail(names.error());
  if (options.mail == "-") {
    if (names->size() == 1) return run_stream(console, *session, names->front(), options);
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
  Exit result = Exit::done;
  for (const auto& name : *names)
    if (const auto exit = dump_one(console, *session, name, options); exit != Exit::done)
      result = exit;
  return result;
}

}  // namespace vstate::cli
