/// \file
/// Changes of qmail's control files, and what has to follow them: the compiled file of
/// morercpthosts, the signal to qmail-send.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/system.h"

namespace vstate {

/// Who a file belongs to: whoever it belongs to now, else the owner of its directory.
[[nodiscard]] Ownership ownership_of(const Files&, const std::string& path, unsigned mode);

class ControlEditor {
 public:
  ControlEditor(System& system, const std::string& qmail_dir)
      : system_(system), qmail_dir_(qmail_dir) {}

  /// The text that replaces a file's; nothing: it stays as it is. A file that is missing has none.
  using Edit =
      std::function<Result<std::optional<std::string>>(const std::optional<std::string>& bytes)>;
  /// Edits under the lock that vpopmail's tools take (`control/NAME.lock`), on what is there then.
  Status edit(std::string_view name, const Edit&);
  /// Puts lines where vpopmail puts them, and takes away those that equal `removed` but for case
  /// and blanks. A missing file is made.
  Status edit_lines(std::string_view name, const std::vector<std::string>& added,
                    const std::vector<std::string>& removed);
  /// Adds names to rcpthosts, or to morercpthosts by vpopmail's rule of fifty lines. `is_stale`:
  /// morercpthosts.cdb lacks a name of its text.
  Status add_rcpthosts(const std::vector<std::string>& names, bool is_stale);
  Status rebuild_morercpthosts();
  /// Sends HUP to qmail-send; false if none is running here.
  Result<bool> tell_qmail_send();

  [[nodiscard]] std::string path_of(std::string_view name) const;

 private:
  System& system_;
  const std::string& qmail_dir_;
};

}  // namespace vstate
