/// \file
/// The letters in message names that stand for keywords, which mean something else on each side.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "delivery/delivery.h"
#include "format/imap/uid_files.h"

namespace vstate::mail {

/// The file of a folder that says what its letters mean to Dovecot.
constexpr std::string_view k_keywords = "dovecot-keywords";

inline bool has_letters(std::uint64_t marks) { return (marks & k_marks_of_letters) != 0; }

/// Translates letters from the source's meaning to the target's. What a folder's letters mean is
/// told by a file that comes after its messages; where Dovecot has given letters of its own here,
/// they mean something else.
class Keywords {
 public:
  explicit Keywords(Delivery& delivery) : delivery_(delivery) {}

  /// Takes in what the source's file of a folder says.
  void set_source(const std::string& folder, std::string_view text);
  /// Takes in what the target's own file says. Without one both sides mean the same.
  void set_target(const std::string& folder, std::string_view text);
  /// Says that all folders of the source have been told.
  void complete() { is_complete_ = true; }
  [[nodiscard]] bool is_complete() const { return is_complete_; }

  /// Returns a message's name with the target's letters. A keyword for which no letter is left is
  /// counted as refused.
  [[nodiscard]] std::string translated(const std::string& folder, const std::string& name);
  [[nodiscard]] std::uint64_t translated_marks(const std::string& folder, std::uint64_t marks);

 private:
  struct Letters {
    uid_files::KeywordLetters source;
    std::optional<uid_files::KeywordLetters> target;
  };
  Delivery& delivery_;
  std::map<std::string, Letters> folders_;
  bool is_complete_ = false;
};

}  // namespace vstate::mail
