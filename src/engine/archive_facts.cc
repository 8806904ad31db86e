// Whether the archives of a file hold what the target lacks. An archive that the ledger knows to be
// wholly in is not read again: what is missing of it was deleted by its owner. All others are read
// from beginning to end, which also proves their digests.

#include "engine/archive_facts.h"

#include <fmt/format.h>

#include "apply/archives.h"
#include "apply/feed.h"
#include "delivery/compare.h"
#include "delivery/convert.h"
#include "engine/named_archives.h"

namespace vstate::engine {

namespace {

class Comparing {
 public:
  Comparing(const Session& session, const DomainFile& file, const Paths& paths,
            const PlanOptions& options, Diagnostics& diagnostics)
      : session_(session),
        file_(file),
        paths_(paths),
        options_(options),
        diagnostics_(diagnostics) {}

  /// Returns nullopt if it is wholly in already, or cannot be compared.
  std::optional<ArchiveReport> compare(const NamedArchive&);

 private:
  Result<MailMemory> memory_of(const NamedArchive&) const;
  [[nodiscard]] std::size_t known_parts(const NamedArchive&) const;
  [[nodiscard]] bool has_dovecot_folders(const NamedArchive&) const;
  Result<ArchiveStatus> look(const NamedArchive&, const std::string& target, std::size_t known,
                             bool has_dovecot) const;
  bool has_right_digests(const NamedArchive&, const ArchiveStatus&, std::size_t known);

  const Session& session_;
  const DomainFile& file_;
  const Paths& paths_;
  const PlanOptions& options_;
  Diagnostics& diagnostics_;
};

Result<MailMemory> Comparing::memory_of(const NamedArchive& named) const {
  if (!session_.memory) return MailMemory();
  return session_.memory->mail().memory_of(file_.state.name, std::string(to_text(named.box.kind)),
                                           named.box.name);
}

/// How many archives of the beginning the ledger knows to be wholly in, as they are now.
std::size_t Comparing::known_parts(const NamedArchive& named) const {
  if (!session_.memory) return 0;
  const auto paths = archive_files(file_.archive_root, *named.archive).paths();
  // From the longest beginning to none: increments are usually all in but the last.
  for (auto count = paths.size(); count > 0; --count) {
    const auto end = paths.begin() + static_cast<std::ptrdiff_t>(count);
    const auto identity =
        archive_identity(ArchiveFiles(std::vector<std::string>(paths.begin(), end)));
    if (!identity) continue;
    const auto is_in = session_.memory->mail().has_archive(
        file_.state.name, std::string(to_text(named.box.kind)), named.box.name,
        digests_of(*named.archive, count), *identity);
    if (is_in && *is_in) return count;
  }
  return 0;
}

/// A mailbox that an earlier run converted has them, too: its folders are not named back.
bool Comparing::has_dovecot_folders(const NamedArchive& named) const {
  if (named.box.kind != Box::Kind::mailbox) return false;
  if (options_.to_dovecot || !session_.memory) return options_.to_dovecot;
  const auto converted =
      session_.memory->mail().memory_of(file_.state.name, k_conversions, named.box.name);
  return converted && !converted->empty();
}

Result<ArchiveStatus> Comparing::look(const NamedArchive& named, const std::string& target,
                                      std::size_t known, bool has_dovecot) const {
  VSTATE_TRY_ASSIGN(auto memory, memory_of(named));
  // The same rules as the apply's, so that both say the same of each entry.
  const auto reserved = reserved_in(named.box.kind, paths_, file_.state);
  const Rules rules{
      .on_difference = on_difference(named.box.kind),
      .folder_names = has_dovecot ? FolderNames::of_dovecot : FolderNames::as_they_are,
      .reserved = &reserved};
  return compare_archive(*session_.system, archive_files(file_.archive_root, *named.archive, known),
                         target, rules, &memory);
}

bool Comparing::has_right_digests(const NamedArchive& named, const ArchiveStatus& found,
                                  std::size_t known) {
  const auto parts = parts_of(named);
  bool is_right = true;
  // Digests are there only for what was read.
  for (std::size_t i = known; i < parts.size(); ++i) {
    const auto& [subject, part] = parts[i];
    const auto& digest = found.digests[i - known];
    if (digest == part->sha256) continue;
    is_right = false;
    constexpr std::size_t shown = 12;
    diagnostics_.error(file_.place_of(subject),
                       fmt::format("{}: {} has the digest {}…, the file says {}…", subject,
                                   path_join(file_.archive_root, part->archive),
                                   digest.substr(0, shown), part->sha256.substr(0, shown)),
                       "take the archive that was dumped with this file");
  }
  return is_right;
}

std::optional<ArchiveReport> Comparing::compare(const NamedArchive& named) {
  // Below a home that does not exist yet, nothing is there.
  const auto target =
      archive_target(named.box, paths_).value_or(path_join(paths_.domain, named.box.name));
  const auto refuse = [&](const Error& error) {
    diagnostics_.error(file_.place_of(named.subject), error.message);
    return std::nullopt;
  };
  // A directory that is gone has lost its mail with it, so that all of it comes again.
  const auto is_there = session_.system->exists(target);
  if (!is_there) return refuse(is_there.error());
  const auto known = !options_.reads_all_archives && *is_there ? known_parts(named) : 0;
  // All of it came once; what is not there any more, its owner deleted.
  if (known == named.archive->increments.size() + 1) return std::nullopt;
  const bool has_dovecot = has_dovecot_folders(named);
  const auto found = look(named, target, known, has_dovecot);
  if (!found) return refuse(found.error().in(named.subject));
  // What a wrong archive holds says nothing of what is missing here.
  if (!has_right_digests(named, *found, known)) return std::nullopt;
  return ArchiveReport{.box = named.box,
                       .archive = *named.archive,
                       .messages = found->messages_missing,
                       .bytes = found->bytes_missing,
                       .files = found->files_missing,
                       .kept = found->kept,
                       .replaced = found->replaced,
                       .refused = found->refused,
                       .left_over = found->left_over,
                       .identity = found->identity,
                       .repeated = found->repeated,
                       .has_courier_files = found->has_courier_files,
                       .has_dovecot_folders = has_dovecot,
                       .changed = found->messages_changed,
                       .known = known};
}

}  // namespace

std::vector<ArchiveReport> compare_archives(const Session& session, const DomainFile& file,
                                            const Paths& paths, const PlanOptions& options,
                                            Diagnostics& diagnostics) {
  Comparing comparing(session, file, paths, options, diagnostics);
  std::vector<ArchiveReport> out;
  for (const auto& named : archives_of(file.state))
    if (auto report = comparing.compare(named)) out.push_back(*std::move(report));
  return out;
}

}  // namespace vstate::engine
