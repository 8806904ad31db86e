/// \file
/// The messages of one folder, which may be in more than one mbox, by their names in a Maildir.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/imap/uid_files.h"
#include "mbox/folder.h"
#include "mbox/spool.h"

namespace vstate::mbox {

/// One that was read.
struct Loaded {
  std::shared_ptr<const Spool> spool;
  Folder folder;
};

class NumberedFolder {
 public:
  /// `letters` are those that the folder's dovecot-keywords already gives.
  NumberedFolder(std::vector<Loaded>, const uid_files::KeywordLetters& letters);

  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] bool is_new(std::size_t i) const {
    return message(i).flags == 0 && message(i).keywords == 0;
  }
  /// With its flags, unless it is new.
  [[nodiscard]] std::string name(std::size_t i) const;
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const;
  [[nodiscard]] const Message& message(std::size_t i) const {
    return mboxes_[items_[i].mbox].folder.messages[items_[i].message];
  }
  /// Its bytes, which this object holds.
  [[nodiscard]] std::vector<std::string_view> parts(std::size_t i) const;
  /// Says that they were read.
  void note_read(std::size_t i) const {
    mboxes_[items_[i].mbox].spool->note_read(message(i).length);
  }

  /// The texts of dovecot-uidlist and dovecot-keywords; empty: there is none.
  [[nodiscard]] std::string uids_text(std::string_view identity) const;
  [[nodiscard]] std::string keywords_text() const;
  /// Of the newest message; 0 without any.
  [[nodiscard]] std::int64_t newest() const;
  /// Of how many messages a keyword has no letter left.
  [[nodiscard]] std::uint64_t without_letter() const { return without_letter_; }

 private:
  struct Item {
    std::uint32_t mbox, message;
    std::uint32_t repeat;  ///< how many messages with equal bytes and date come before it
  };
  void sort();
  void give_letters();
  char letter_of(const std::string& keyword);
  [[nodiscard]] std::string unique(std::size_t i) const;
  [[nodiscard]] std::string flags(const Item&) const;

  std::vector<Loaded> mboxes_;
  std::vector<Item> items_;  ///< by date, digest, and place
  uid_files::KeywordLetters letters_;
  /// Of each mbox: its keywords' letters, by their place there; 0: none is left.
  std::vector<std::vector<char>> letters_of_;
  std::uint64_t without_letter_ = 0;
};

}  // namespace vstate::mbox
