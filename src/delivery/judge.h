/// \file
/// What is to be done about each entry of a source, given what is remembered and what is here.
///
/// The receiver does what the judge says, and compare_archive counts it: a plan and the apply after
/// it cannot disagree. A judge only reads.
///
/// A message is known by its unique name within the directory:
///
///   remembered?  here?   result
///   as at the source     nothing to do: the file is not even looked at
///   otherwise    yes     what changed at the source since is done: a rename, never a copy
///   otherwise    no      nothing: its owner deleted it here
///   no           yes     nothing; from now on it is remembered
///   no           other   same name, other size: both are kept
///   no           no      delivered
///
/// A message is here if it stands in any folder, with any flags: it is not delivered again,
/// wherever its owner moved it. Two exceptions keep both copies:
///
///   * The source holds the name in two folders: each folder counts for itself.
///   * The name is there with another size (",S=" of the name, else stat): the message is
///     delivered as UNIQUE.vXXXXXXXX, where X are the first hexadecimal digits of its SHA-256,
///     set in before ",S=". Where that name is already there, nothing is to be done.
///
/// A file that is no message, and a link, is known by its path. It is replaced if it is still what
/// the last pass wrote, and left alone once somebody here has changed it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "delivery/reserved.h"
#include "delivery/target_messages.h"
#include "maildir/memory.h"
#include "maildir/message_keys.h"
#include "maildir/walk.h"

namespace vstate {

/// What to do about a file or link that is there with other content and of which nothing is
/// remembered. Messages are never replaced.
enum class OnDifference { keep, replace };

/// How the source's folders are called here (delivery/convert.h).
enum class FolderNames { as_they_are, of_dovecot };

/// What a judge goes by. `reserved` may be null, and must outlive the judge.
struct Rules {
  OnDifference on_difference = OnDifference::keep;
  FolderNames folder_names = FolderNames::as_they_are;
  const Reserved* reserved = nullptr;
};

}  // namespace vstate

namespace vstate::mail {

enum class Verdict {
  there,    ///< it is here as the source has it
  known,    ///< it came before; whether or not its owner deleted it, nothing is to be done
  place,    ///< nothing is here
  variant,  ///< another message has its name: it comes under a name of its own
  replace,  ///< what is here is what the last pass wrote, or all differences are to be replaced
  keep,     ///< somebody here made or changed it
  blocked,  ///< a directory is in its way
  refused,  ///< it must not be made
};

/// About a file or a link.
struct Judgement {
  Verdict verdict = Verdict::place;
  /// Digest of what is here. Of a file that nobody remembers it is only taken if the sizes are
  /// equal, since else the contents are not.
  std::optional<std::uint64_t> here;
  /// Replaced because it is what the last pass wrote, whatever else differences get.
  bool is_in_step = false;
  std::string refusal;  ///< "PATH: why", if it is blocked or refused

  /// Returns the verdict once the digest of what the source has is known.
  [[nodiscard]] Verdict given(std::uint64_t digest) const {
    return here == digest ? Verdict::there : verdict;
  }
};

/// What the way to a directory lacks, itself included.
struct Way {
  /// Directories that are not here, parents first. Each is named once in a pass.
  std::vector<std::string> missing;
  bool is_blocked = false;  ///< a link or a file stands where a directory belongs
  std::string refusal;      ///< "PATH: why", named once in a pass
};

/// Under what a message is remembered.
struct MessageIdentity {
  NameHash name, key;
  bool is_scoped = false;  ///< the name counts within its folder only
};

/// What is remembered of a message.
struct Remembered {
  EntryState state;  ///< as the source had it
  /// It was announced, and is here. That it arrived is still to be written down.
  bool is_announced = false;
};

/// How a message's name is taken on the target, as bits.
enum Sighting : unsigned {
  k_same_here = 1,  ///< in its folder, with its size
  k_other_here = 2,
  k_same_elsewhere = 4,  ///< in another folder
  k_other_elsewhere = 8,
};

/// What a link is remembered as.
[[nodiscard]] std::uint64_t digest_of_link(std::string_view target);

/// Messages that are another folder's at the source now. What the index has in their folders here
/// goes in this pass.
class Departures {
 public:
  /// Says how a remembered message was and is at the source.
  void expect(const NameHash& key, const EntryState& before, const EntryState& now);
  /// Returns whether the message of that name leaves the folder.
  [[nodiscard]] bool are_from(std::string_view folder, const NameHash& name) const;

 private:
  std::unordered_map<NameHash, std::uint64_t, HashOfHash> places_;  ///< that they had, by key
};

/// Returns whether a sender's message has the place of one that is remembered by the name alone and
/// has not come in this pass: the source has it elsewhere now, which is told later.
[[nodiscard]] bool is_contested(const MailMemory&, const MessagePath&, const MessageIdentity&);

/// Returns what becomes of a message that is not remembered. `sightings` are bits of Sighting,
/// `earlier` is the size of the message of the same key that this pass has brought, if it has.
[[nodiscard]] Verdict decide(unsigned sightings, bool is_scoped, std::uint64_t size,
                             std::optional<std::uint64_t> earlier);

class Judge {
 public:
  /// Without a target nothing is here. All that is referred to must outlive the judge.
  Judge(Target* target, MailMemory& memory, const Rules& rules)
      : target_(target), memory_(memory), rules_(rules), messages_(target, rules.reserved) {}

  /// Returns the path under which an entry of the source stands here.
  [[nodiscard]] std::string path_here(const std::string& path) const;
  /// Returns "PATH: why" for an entry that never comes here: a name that the mail server keeps for
  /// itself, or a link that leads out of the directory. Returns an empty text for all others.
  [[nodiscard]] std::string refusal_of(const TreeEntry&) const;
  [[nodiscard]] Result<Way> way_to(const std::string& directory);

  /// Fails if what is here cannot be read.
  [[nodiscard]] Result<Judgement> file(const TreeEntry&);
  [[nodiscard]] Result<Judgement> link(const TreeEntry&);

  /// Says which names stand in more than one folder of the source, sorted.
  void expect_repeated(std::vector<NameHash> names) { repeated_ = std::move(names); }
  /// Messages are to be given in the source's order: the first of a name has the name's own key.
  /// `is_scoped` is TreeEntry::is_scoped: the sender knows better.
  [[nodiscard]] MessageIdentity identify(const MessagePath&, bool is_scoped = false);
  /// The same of a message whose name stands in more than one folder.
  [[nodiscard]] MessageIdentity identify_repeated(const MessagePath&, const NameHash& name);
  /// Returns nullopt if the message never came, or if it was announced and never arrived: such a
  /// message was not deleted by its owner and comes again. Counts as seen in this pass.
  [[nodiscard]] Result<std::optional<Remembered>> remembered(const MessageIdentity&);
  /// Returns what is remembered of a message that has another state at the source now, under
  /// `path`. Returns nullopt if it never came or has not changed. Counts as seen in this pass.
  [[nodiscard]] std::optional<EntryState> restated(const NameHash& key, std::string_view path);
  /// Messages that leave their folder in this pass.
  [[nodiscard]] Departures& departures() { return departures_; }
  /// Returns bits of Sighting. A message whose ",S=" is the entry's size is not looked at.
  [[nodiscard]] Result<unsigned> sightings(const TreeEntry&, const MessageIdentity&);
  /// Sightings and decision in one, for one message after the other. What is to be placed counts as
  /// placed.
  [[nodiscard]] Result<Verdict> message(const TreeEntry&, const MessageIdentity&);
  /// Returns `place`, or `known` if the variant is here or came before. Once placed it is known.
  [[nodiscard]] Result<Verdict> variant(const NameHash& name, std::uint64_t size);

  enum class Directory { there, missing, blocked };
  /// The directories that were judged. One that was missing is taken to have been made since.
  [[nodiscard]] const std::map<std::string, Directory>& directories() const { return directories_; }
  [[nodiscard]] TargetMessages& messages() { return messages_; }

 private:
  Result<Directory> judge_directory(const std::string& path, Way&);
  /// Of a message that is here; nullopt if it is gone.
  [[nodiscard]] Result<std::optional<std::uint64_t>> size_here(std::uint32_t folder,
                                                               std::string_view unique,
                                                               std::string_view likely);
  [[nodiscard]] bool is_another(std::uint32_t folder, std::string_view unique);
  Result<Judgement> judge_place(const std::string& path, std::optional<std::uint64_t> size);

  Target* target_;
  MailMemory& memory_;
  Rules rules_;
  TargetMessages messages_;
  MessageKeys keys_{&memory_};
  std::vector<NameHash> repeated_;
  std::map<std::string, Directory> directories_;
  std::map<std::string, Directory>::const_iterator last_directory_ = directories_.end();
  Departures departures_;
  /// Sizes of the messages that this pass places, by key: they are not in the index.
  std::unordered_map<NameHash, std::uint64_t, HashOfHash> placed_;
};

}  // namespace vstate::mail
