/// \file
/// Domain files that were read and checked, as far as that needs no server.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/server_settings.h"
#include "vstate/base/diagnostics.h"
#include "vstate/document/document.h"
#include "vstate/model/rename.h"
#include "vstate/model/selection.h"
#include "vstate/model/state.h"

namespace vstate::engine {

struct DomainFile {
  std::string name;    ///< as it was given; "standard input" for "-"
  std::string digest;  ///< of its bytes
  State state;
  document::Places places;
  std::string archive_root;                 ///< directory that its archives are relative to
  std::vector<std::string> unmatched = {};  ///< patterns of the Selection that match nothing in it

  /// Where the file says something: "mailbox.alice.mail". The whole file for what it does not say.
  [[nodiscard]] Place place_of(const std::string& subject) const;
  /// The place of the smallest table that holds what is at an address: "mailbox.alice.vacation".
  [[nodiscard]] Place place_in(std::string address) const;
};

struct ReadOptions {
  std::string mail = {};     ///< directory of the archives; empty: beside the file
  std::string secrets = {};  ///< file of the secrets, or a directory with one a domain
  Selection selection = {};
  Renaming renaming = {};           ///< of the domains that the files describe
  std::string standard_input = {};  ///< its first bytes, if they were read already
  /// Where the names of files go that have errors; null: nobody asks.
  std::vector<std::string>* unreadable = nullptr;
  /// Where files of server settings go. Null: one that is named is an error, and one in a directory
  /// is passed over.
  std::vector<ServerFile>* servers = nullptr;
};

/// Reads a file ("-" is standard input) and checks that its archives are there. Errors go into
/// `diagnostics`, and nullopt is returned.
[[nodiscard]] std::optional<DomainFile> read_domain_file(const std::string& name,
                                                         const ReadOptions&, Diagnostics&);

/// Reads all that can be read, of a directory its files that are called *.toml, sorted by name. A
/// domain that the selection does not take is left out, and one that two files describe is an error
/// of the second; so is a pattern over domains that matches none.
[[nodiscard]] std::vector<DomainFile> read_domain_files(const std::vector<std::string>& names,
                                                        const ReadOptions&, Diagnostics&);

/// The same for a text that did not come from a file, and that names no archives. `shown` names it
/// in errors.
[[nodiscard]] std::optional<DomainFile> parse_domain_file(const std::string& shown,
                                                          const std::string& text, const Selection&,
                                                          Diagnostics&);

/// The same for a State that no file says: it is checked as the file that says it. `archive_root`
/// is the directory of its archives, which must be there.
[[nodiscard]] std::optional<DomainFile> domain_file_of(const State&,
                                                       const std::string& archive_root,
                                                       const Selection&, Diagnostics&);

}  // namespace vstate::engine
