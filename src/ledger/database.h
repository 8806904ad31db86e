/// \file
/// The ledger as a database: transactions, what a killed run left half way, and damage.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "sqlite/connection.h"
#include "sys/handle.h"
#include "sys/system.h"
#include "vstate/base/result.h"

namespace vstate {

/// The ledger's file.
class Database final : public sqlite::Connection {
 public:
  enum class Mode { read, write };
  /// `path` is a server path; the file is opened beneath the system's root. Where a killed process
  /// left a transaction half way, Mode::write takes it back, as SQLite does; Mode::read reads a
  /// copy in memory that is as before it, and leaves the files alone. `denied` for what may not be
  /// read, `invalid` for what is no database.
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(const System&,
                                                              const std::string& path, Mode);
  ~Database() override { close(); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] Result<std::unique_ptr<sqlite::Statement>> prepare(std::string_view sql);
  Status execute(const char* sql);
  /// All of `work` or nothing of it is there afterwards, also after a loss of power.
  Status in_transaction(const std::function<Status()>& work);
  /// Reads of one moment, with one lock.
  Status in_one_look(const std::function<Status()>& work);
  /// What SQLite says of its last call, and whether that means that the file is damaged.
  [[nodiscard]] tl::unexpected<Error> failure() override;
  /// The same for what SQLite takes for whole and a reader of it does not.
  [[nodiscard]] tl::unexpected<Error> damaged(std::string_view what);
  /// True once a call found what makes no sense.
  [[nodiscard]] bool is_damaged() const { return is_damaged_; }
  /// Announces a transaction that changes something; an error stops it.
  void announce_to(System* system) { system_ = system; }

 private:
  explicit Database(std::string path) : path_(std::move(path)) {}

  /// Fails unless the file is damaged, whoever looks at it, and can be read from its beginning to
  /// its end.
  Status see_damage();
  /// Reads something, so that what is wrong with the file is known.
  Status probe();

  std::string path_;
  /// The file beside SQLite's; closing it before that would drop the locks of this process.
  Handle seen_;
  System* system_ = nullptr;
  bool is_damaged_ = false;
};

}  // namespace vstate
