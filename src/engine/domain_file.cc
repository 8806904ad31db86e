// Reading a domain file as far as that needs no server: its text, and whether the archives that it
// names are there. Both are errors before anything else is done, with the places where the file
// names them.

#include "engine/domain_file.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "engine/named_archives.h"
#include "host/host_file.h"
#include "host/input.h"
#include "sys/path.h"
#include "vstate/base/digest.h"
#include "vstate/base/text.h"
#include "vstate/document/secrets.h"
#include "vstate/document/server_document.h"

namespace vstate::engine {

namespace {

/// Checks that the archives that a file names are there. All of them missing is one mistake.
void check_archives(const DomainFile& file, Diagnostics& diagnostics) {
  std::vector<std::pair<std::string, std::string>> missing;  // subject, path
  std::size_t count = 0;
  for (const auto& archive : archives_of(file.state))
    for (const auto& part : parts_of(archive)) {
      const auto path = path_join(file.archive_root, part.part->archive);
      // What cannot be looked at cannot be read either, so it counts as missing.
      std::error_code ignored;
      ++count;
      if (!std::filesystem::is_regular_file(path, ignored))
        missing.emplace_back(part.subject, path);
    }
  // Where not one of many is there, the directory is wrong and not the file.
  constexpr std::size_t many = 3;
  if (missing.size() == count && count > many) {
    diagnostics.error({file.name, 0, 0},
                      fmt::format("none of its {} archives is below {}", with_thousands(count),
                                  file.archive_root),
                      "name their directory with --mail");
    return;
  }
  for (const auto& [subject, path] : missing)
    diagnostics.error(file.place_of(subject),
                      fmt::format("{}: there is no archive {}", subject, path),
                      "name its directory with --mail, or take the key out");
}

std::optional<DomainFile> with_archives(DomainFile file, std::string archive_root,
                                        Diagnostics& diagnostics) {
  file.archive_root = std::move(archive_root);
  const auto errors = diagnostics.error_count();
  check_archives(file, diagnostics);
  return diagnostics.error_count() == errors ? std::optional(std::move(file)) : std::nullopt;
}

std::string directory_beside(const std::string& name) {
  // Archives lie beside the file that names them, unless --mail says otherwise.
  if (name == "-") return ".";
  const auto directory = std::filesystem::path(name).parent_path().string();
  return directory.empty() ? "." : directory;
}

}  // namespace

Place DomainFile::place_of(const std::string& subject) const {
  const auto found = places.find(subject);
  return found != places.end() ? found->second : Place{name, 0, 0};
}

Place DomainFile::place_in(std::string address) const {
  while (!places.contains(address) && address.find('.') != std::string::npos)
    address.resize(address.rfind('.'));
  return place_of(address);
}

namespace {

/// False, with an error, for one whose secrets are in another file.
bool has_its_secrets(const DomainFile& file, Diagnostics& diagnostics) {
  const auto place = file.places.find(document::k_secrets_place);
  if (place == file.places.end()) return true;
  diagnostics.error(place->second, "its passwords and keys are in a file of their own",
                    "name it with --secrets");
  return false;
}

std::optional<DomainFile> parse_open_file(const std::string& shown, const std::string& text,
                                          const Selection& selection, Diagnostics& diagnostics) {
  document::Places places;
  std::vector<std::string> unmatched;
  auto state = document::read(text, shown, diagnostics, &places, selection, &unmatched);
  if (!state) return std::nullopt;
  return DomainFile{.name = shown,
                    .digest = sha256_hex(text),
                    .state = *std::move(state),
                    .places = std::move(places),
                    .archive_root = ".",
                    .unmatched = std::move(unmatched)};
}

}  // namespace

std::optional<DomainFile> parse_domain_file(const std::string& shown, const std::string& text,
                                            const Selection& selection, Diagnostics& diagnostics) {
  auto file = parse_open_file(shown, text, selection, diagnostics);
  return file && has_its_secrets(*file, diagnostics) ? std::move(file) : std::nullopt;
}

std::optional<DomainFile> domain_file_of(const State& state, const std::string& archive_root,
                                         const Selection& selection, Diagnostics& diagnostics) {
  auto file = parse_domain_file(state.name.text(), document::write(state), selection, diagnostics);
  return file ? with_archives(*std::move(file), archive_root, diagnostics) : std::nullopt;
}

namespace {

/// "DIR/DOMAIN.toml", or the file itself.
std::string secrets_path(const std::string& secrets, const DomainName& domain) {
  std::error_code ignored;
  return std::filesystem::is_directory(secrets, ignored)
             ? path_join(secrets, domain.text() + ".toml")
             : secrets;
}

/// Both files are one: a saved plan holds for neither if one of them is another.
bool join_secrets(DomainFile& file, const ReadOptions& options, Diagnostics& diagnostics) {
  if (options.secrets.empty()) return has_its_secrets(file, diagnostics);
  if (!file.places.contains(document::k_secrets_place)) {
    diagnostics.error(file.place_of("domain"), "holds its secrets itself", "leave --secrets out");
    return false;
  }
  const auto path = secrets_path(options.secrets, file.state.name);
  const auto text = read_host_file(path);
  if (!text) {
    diagnostics.error({"", 0, 0}, text.error().message);
    return false;
  }
  file.digest = sha256_hex(file.digest + sha256_hex(*text));
  return document::add_secrets(file.state, *text, path, options.selection, diagnostics);
}

}  // namespace

namespace {

/// Errors name the pipe by words, since "-" says nothing in a message.
std::string shown_name(const std::string& name) { return name == "-" ? "standard input" : name; }

std::optional<std::string> read_text(const std::string& name, const ReadOptions& options,
                                     Diagnostics& diagnostics) {
  auto text = read_input(name, options.standard_input);
  if (text) return *std::move(text);
  diagnostics.error({"", 0, 0}, text.error().message);
  return std::nullopt;
}

std::optional<DomainFile> domain_file_of_text(const std::string& name, const std::string& text,
                                              const ReadOptions& options,
                                              Diagnostics& diagnostics) {
  auto file = parse_open_file(shown_name(name), text, options.selection, diagnostics);
  if (!file || !join_secrets(*file, options, diagnostics)) return std::nullopt;
  return with_archives(*std::move(file),
                       options.mail.empty() ? directory_beside(name) : options.mail, diagnostics);
}

}  // namespace

std::optional<DomainFile> read_domain_file(const std::string& name, const ReadOptions& options,
                                           Diagnostics& diagnostics) {
  const auto text = read_text(name, options, diagnostics);
  return text ? domain_file_of_text(name, *text, options, diagnostics) : std::nullopt;
}

namespace {

/// The domain files of a directory. What else is in it, such as archives, is not looked at.
std::vector<std::string> files_in(const std::string& directory, Diagnostics& diagnostics) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  for (const auto end = std::filesystem::directory_iterator(); !error && entry != end;
       entry.increment(error))
    if (entry->path().extension() == ".toml") files.push_back(entry->path().string());
  if (error)
    diagnostics.error({"", 0, 0},
                      fmt::format("{}: cannot be listed: {}", directory, error.message()));
  else if (files.empty())
    diagnostics.error({"", 0, 0}, fmt::format("{}: has no file DOMAIN.toml", directory));
  std::sort(files.begin(), files.end());
  return files;
}

/// Reads files of which each describes a domain of its own.
/// Gives the file's domain its other name. What names the old one still is a warning.
bool rename_in(DomainFile& file, const Renaming& renaming, Diagnostics& diagnostics) {
  auto renamed = rename_domain(file.state, renaming);
  if (!renamed) {
    diagnostics.error(file.place_of("domain"), renamed.error().message);
    return false;
  }
  const auto old = file.state.name.text();
  file.state = std::move(renamed->state);
  for (const auto& kept : renamed->kept)
    diagnostics.warning(file.place_in(kept.address),
                        fmt::format("{}: names {} still: {}", kept.address, old, kept.why));
  return true;
}

class ReadingFiles {
 public:
  ReadingFiles(const ReadOptions& options, Diagnostics& diagnostics)
      : options_(options), diagnostics_(diagnostics) {}

  void read(const std::string& name) {
    std::error_code ignored;
    if (name == "-" || !std::filesystem::is_directory(name, ignored))
      return read_file(name, Named::by_itself);
    for (const auto& file : files_in(name, diagnostics_)) {
      // What is not wanted need not be sound; `dump -o DIR/` names files after their domains.
      const auto domain = std::filesystem::path(file).stem().string();
      if (domains().takes(domain))
        read_file(file, Named::by_directory);
      else
        seen_.push_back(domain);
    }
  }

  std::vector<DomainFile> take() {
    for (const auto& pattern : domains().without_match(seen_))
      diagnostics_.error(
          {"", 0, 0}, fmt::format("none of the files is of a domain that \"{}\" matches", pattern));
    for (const auto& [from, to] : options_.renaming)
      if (std::find(seen_.begin(), seen_.end(), from.text()) == seen_.end())
        diagnostics_.error({"", 0, 0}, fmt::format("--rename {}={}: none of the files is of {}",
                                                   from.text(), to.text(), from.text()));
    return std::move(files_);
  }

 private:
  [[nodiscard]] const DomainSelection& domains() const { return options_.selection.domains; }

  enum class Named { by_itself, by_directory };

  void read_file(const std::string& name, Named named) {
    const auto text = read_text(name, options_, diagnostics_);
    if (text && document::is_server_document(*text)) return read_server_file(name, *text, named);
    auto file = text ? domain_file_of_text(name, *text, options_, diagnostics_) : std::nullopt;
    if (!file && options_.unreadable != nullptr) options_.unreadable->push_back(name);
    if (file) take_domain(*std::move(file));
  }

  void read_server_file(const std::string& name, const std::string& text, Named named) {
    if (options_.servers == nullptr) {
      if (named == Named::by_itself)
        diagnostics_.error({shown_name(name), 0, 0},
                           "has the settings of a server, and a domain is wanted here",
                           "name a domain's file");
      return;
    }
    auto state = document::read_server(text, shown_name(name), diagnostics_);
    if (!state && options_.unreadable != nullptr) options_.unreadable->push_back(name);
    if (!state) return;
    // Two would undo each other with every apply.
    if (!options_.servers->empty())
      diagnostics_.error(
          {shown_name(name), 0, 0},
          fmt::format("the server is described in {} already", options_.servers->front().name),
          "name one of the two");
    options_.servers->push_back({shown_name(name), *std::move(state), sha256_hex(text)});
  }

  void take_domain(DomainFile file) {
    const auto& domain = file.state.name;
    seen_.push_back(domain.text());
    if (!domains().takes(domain.text())) return;
    if (!rename_in(file, options_.renaming, diagnostics_)) return;
    // Two files for one domain would undo each other with every apply.
    const auto [first, is_new] = described_.emplace(domain, file.name);
    if (!is_new)
      diagnostics_.error(
          file.place_of("domain"),
          fmt::format("{} is described in {} already", first->first.text(), first->second),
          "name one of the two");
    files_.push_back(std::move(file));
  }

  const ReadOptions& options_;
  Diagnostics& diagnostics_;
  std::vector<DomainFile> files_;
  std::map<DomainName, std::string> described_;
  std::vector<std::string> seen_;  ///< names of all domains, also of those that are not wanted
};

}  // namespace

std::vector<DomainFile> read_domain_files(const std::vector<std::string>& names,
                                          const ReadOptions& options, Diagnostics& diagnostics) {
  ReadingFiles reading(options, diagnostics);
  for (const auto& name : names) reading.read(name);
  return reading.take();
}

}  // namespace vstate::engine
