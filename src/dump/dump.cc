// A dump inspects the domain, archives its mail, and writes the file last, since the file names the
// archives with their digests. Each archive is added to: what an earlier dump into the same
// directory has is not read again. What cannot be read is gathered over all mailboxes and makes the
// dump fail, since half a dump would pass for a whole one.

#include "dump/dump.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include <fmt/format.h>

#include "archive/archive.h"
#include "archive/index.h"
#include "host/host_file.h"
#include "sys/handle.h"
#include "sys/path.h"

namespace vstate::engine {

namespace {

class Dumping {
 public:
  Dumping(Session& session, const DumpOptions& options) : session_(session), options_(options) {}

  Result<DomainDump> run(const DomainName& name);

 private:
  Status lock_archives(const std::string& domain);
  Status archive_all(Observation&);
  void take(std::optional<ArchiveRef>& into, const ArchiveSource&, const Box&);
  Status archive_or_count(std::optional<ArchiveRef>& into, const ArchiveSource&,
                          const std::string& address, const std::string& relative);
  Result<std::optional<ArchiveRef>> archive(const ArchiveSource&, const std::string& address,
                                            const std::string& relative);
  Status count(const ArchiveSource&, const std::string& address);
  void add(const ArchiveSource&, const TreeCount&, const std::string& address);
  [[nodiscard]] Result<std::optional<IndexFile>> read_index(const std::string& path) const;
  [[nodiscard]] std::string path_of(const Box&) const;
  [[nodiscard]] static std::string path_of_part(const std::string& whole,
                                                const ArchiveRef& present);

  Session& session_;
  const DumpOptions& options_;
  std::string domain_;
  std::vector<LeftOut> left_out_;  ///< by the walks
  std::optional<Error> failure_;   ///< all of them, in one message
  DomainDump out_;
};

Result<DomainDump> Dumping::run(const DomainName& name) {
  VSTATE_TRY_ASSIGN(auto observation,
                    inspect_source(session_, name, options_.selection, options_.renaming));
  static_cast<DumpReport&>(out_) = report_of(observation, options_.clear_passwords);
  VSTATE_TRY(archive_all(observation));
  // The three counts (expressed, archived, rebuilt) add up to what is on the disk.
  out_.counts.add(observation.accounting);
  auto& state = *observation.state;
  // What the walks could not take is in the file itself, so that whoever applies it knows.
  state.left_out.insert(state.left_out.end(), left_out_.begin(), left_out_.end());
  out_.left_out = state.left_out;
  if (options_.splits_secrets) {
    auto split = split_document_of(std::move(state), options_.clear_passwords);
    out_.text = std::move(split.open);
    out_.secrets = std::move(split.secrets);
  } else {
    out_.text = document_of(std::move(state), options_.clear_passwords);
  }
  return std::move(out_);
}

/// Walks what would be archived, for its counts.
Status Dumping::count(const ArchiveSource& source, const std::string& address) {
  VSTATE_TRY_ASSIGN(const auto tree, count_tree(*session_.system, source));
  VSTATE_TRY(failure_of(tree));
  add(source, tree, address);
  out_.counts.not_dumped += tree.archived;
  return {};
}

void Dumping::add(const ArchiveSource& source, const TreeCount& tree, const std::string& address) {
  const bool is_other_now = source.view != nullptr && source.view->has_changed(*session_.system);
  out_.has_changed = out_.has_changed || tree.gone > 0 || is_other_now;
  out_.counts.add(tree, address);
  leave_out(left_out_, address, tree);
}

Result<std::optional<ArchiveRef>> Dumping::archive(const ArchiveSource& source,
                                                   const std::string& address,
                                                   const std::string& relative) {
  const auto& mail = options_.mail;
  const auto whole = path_join(mail, relative);
  const auto index_path = whole + ".index";
  VSTATE_TRY(make_private_directories(std::filesystem::path(whole).parent_path()));
  VSTATE_TRY_ASSIGN(const auto known, read_index(index_path));
  auto index = known.value_or(IndexFile());
  const auto part_path = path_of_part(relative, index.archive);
  // The entries of the index are brought up to date by the writing itself.
  const bool is_first = index.archive.archive.empty();
  VSTATE_TRY_ASSIGN(
      const auto summary,
      is_first
          ? write_archive(*session_.system, source, path_join(mail, part_path), &index.entries)
          : write_increment(*session_.system, source, path_join(mail, part_path), index.entries));
  add(source, summary.count, address);
  out_.counts.archived += summary.count.archived;
  // An empty mailbox has no archive, and a dump that found nothing new adds no increment.
  if (summary.is_trivial)
    return is_first ? std::optional<ArchiveRef>() : std::optional(std::move(index.archive));
  ArchivePart part{.archive = part_path,
                   .messages = summary.messages,
                   .bytes = summary.bytes,
                   .sha256 = summary.sha256};
  if (is_first)
    static_cast<ArchivePart&>(index.archive) = std::move(part);
  else
    index.archive.increments.push_back(std::move(part));
  // The index comes after the archive that it names, and before the file does.
  VSTATE_TRY_ASSIGN(const auto bytes, to_bytes(index, mail));
  VSTATE_TRY(write_host_file(index_path, bytes));
  return std::optional(std::move(index.archive));
}

/// What cannot be read of one does not hold up the look at the others: all of it is reported.
void Dumping::take(std::optional<ArchiveRef>& into, const ArchiveSource& source, const Box& box) {
  const auto address = address_of_contents(box);
  if (options_.selection.excludes(address) || (failure_ && failure_->ends_run())) return;
  const auto taken = archive_or_count(into, source, address, path_of(box));
  if (taken) return;
  if (taken.error().code == Errc::not_found)
    out_.has_changed = true;  // deleted since it was listed
  else if (failure_)
    failure_->message += "\n" + taken.error().message;
  else
    failure_ = taken.error();
}

Status Dumping::archive_or_count(std::optional<ArchiveRef>& into, const ArchiveSource& source,
                                 const std::string& address, const std::string& relative) {
  if (options_.mail.empty()) return count(source, address);
  VSTATE_TRY_ASSIGN(into, archive(source, address, relative));
  return {};
}

/// Reads the index of an earlier dump; nullopt where archiving has to begin anew.
Result<std::optional<IndexFile>> Dumping::read_index(const std::string& path) const {
  const auto bytes = read_host_file(path);
  // An index that is there and cannot be read is an error: another archive would be begun beside
  // it.
  if (!bytes && bytes.error().code != Errc::not_found) return propagate(bytes);
  auto index = bytes ? parse_index(*bytes, options_.mail) : std::nullopt;
  // A chain of many increments takes ever longer to read, so that a whole archive is written again.
  constexpr std::size_t most_increments = 99;
  if (index && index->archive.increments.size() >= most_increments) return std::nullopt;
  return index;
}

/// "example.com/mailbox/alice.tar.zst", below the directory of archives.
std::string Dumping::path_of(const Box& box) const {
  const auto name = box.name.empty() ? std::string() : "/" + box.name;
  return fmt::format("{}/{}{}.tar.zst", domain_, to_text(box.kind), name);
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
  const auto path = path_join(options_.mail, domain);
  VSTATE_TRY(make_private_directories(path));
  Handle directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return fail_errno(path, "cannot open");
  // The lock is on the directory itself: it ends with the handle and leaves no file behind.
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
  domain_ = state.name.text();
  expect_walks(*session_.system, boxes_of(observation), options_.selection);
  if (!options_.mail.empty()) VSTATE_TRY(lock_archives(domain_));
  for (const auto& [name, source] : observation.mailbox_archives)
    take(state.mailboxes.at(name).mail, source, {Box::Kind::mailbox, name.text()});
  for (const auto& [name, source] : observation.list_archives)
    // A list may have been excluded since it was found.
    if (const auto list = state.lists.find(name); list != state.lists.end())
      take(list->second.archive, source, {Box::Kind::list, name.text()});
  if (observation.domain_archive)
    take(state.archive, *observation.domain_archive, {Box::Kind::files, ""});
  return failure_ ? Status(tl::unexpected<Error>(*failure_)) : Status();
}

}  // namespace

Result<DomainDump> dump_domain(Session& session, const DomainName& name,
                               const DumpOptions& options) {
  VSTATE_TRY_ASSIGN(auto freeze, freeze_deliveries(session, name, options.freeze));
  // If the dump fails, the freeze ends with its object.
  VSTATE_TRY_ASSIGN(auto dump, Dumping(session, options).run(name));
  end_freeze(freeze.get(), dump);
  return dump;
}

std::unique_ptr<InOrder<Result<DomainDump>>> dump_domains(Session& session,
                                                          const DumpOptions& options,
                                                          const std::vector<DomainName>& names,
                                                          unsigned jobs) {
  // Deliveries are held off for one domain at a time, and no longer than it takes.
  const auto lanes = options.freeze == Freeze::yes ? 1 : lanes_for(session, jobs, names.size());
  return std::make_unique<InOrder<Result<DomainDump>>>(
      session, lanes, names.size(),
      [&](const Result<Session*>& lane, std::size_t item) -> Result<DomainDump> {
        return lane ? dump_domain(**lane, names[item], options)
                    : Result<DomainDump>(tl::unexpected<Error>(lane.error()));
      });
}

}  // namespace vstate::engine
