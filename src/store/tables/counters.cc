// The counters of hashed directories: a row for each domain by its name, and one for the domains of
// each owner (`dom_UID`). They hold what .dir-control holds in a cdb build. vpopmail makes a row
// when it first counts something.

#include <fmt/format.h>

#include "store/tables/parts.h"
#include "vstate/base/text.h"

namespace vstate::sql {

namespace {

std::string key_of(const Owner& owner) { return fmt::format("dom_{}", owner.uid); }

/// The columns of a counter with where each stands in it: one description for reading and writing.
template <class Control, class Visit>
void for_each_number(Control& control, Visit visit) {
  visit("level_cur", control.level);
  visit("level_max", control.level_max);
  for (std::size_t level = 0; level < 3; ++level) {
    visit(fmt::format("level_start{}", level), control.start[level]);
    visit(fmt::format("level_end{}", level), control.end[level]);
    visit(fmt::format("level_mod{}", level), control.mod[level]);
    visit(fmt::format("level_index{}", level), control.index[level]);
  }
}

std::vector<std::string> columns() {
  std::vector<std::string> names{"cur_users", "the_dir"};
  const DirControl control;
  for_each_number(control, [&](std::string name, int) { names.push_back(std::move(name)); });
  return names;
}

}  // namespace

Result<std::optional<DirControl>> read_counter(const Tables& tables, const std::string& key) {
  const auto table = tables.layout().dir_control();
  std::optional<DirControl> found;
  if (!table.exists) return found;
  std::vector<std::string> quoted;
  for (const auto& name : columns()) quoted.push_back(tables.quote(name));
  VSTATE_TRY(tables.database().run(
      fmt::format("SELECT {} FROM {} WHERE {} = ?", join(quoted, ", "), tables.quote(table.name),
                  tables.quote("domain")),
      {key}, [&](const Values& row) {
        DirControl control;
        control.current_users = to_number(row[0].value_or("")).value_or(0);
        control.directory = row[1].value_or("");
        std::size_t at = 2;
        for_each_number(control, [&](const std::string&, int& number) {
          number = static_cast<int>(to_number(row[at++].value_or("")).value_or(0));
        });
        found = std::move(control);
      }));
  if (!found) return found;
  // What bigdir.c would step beyond must not lead out of the domain's directory.
  auto checked = parse_whole_dir_control(to_text(*found));
  if (!checked)
    return tl::unexpected<Error>(
        checked.error().in(fmt::format("table {}, row {}", table.name, key)));
  return std::optional(*std::move(checked));
}

Status write_counter(Tables& tables, const std::string& key, const DirControl& control) {
  const auto table = tables.quote(tables.layout().dir_control().name);
  std::vector<std::string> quoted, assignments;
  for (const auto& name : columns()) {
    quoted.push_back(tables.quote(name));
    assignments.push_back(tables.quote(name) + " = ?");
  }
  // The order is that of columns(), with the key of the row behind it for both statements.
  Values values{std::to_string(control.current_users), control.directory};
  for_each_number(control, [&](const std::string&, int number) {
    values.emplace_back(std::to_string(number));
  });
  values.emplace_back(key);
  VSTATE_TRY_ASSIGN(const auto found,
                    tables.write(fmt::format("UPDATE {} SET {} WHERE {} = ?", table,
                                             join(assignments, ", "), tables.quote("domain")),
                                 values));
  // Databases count the rows that were found, also where no value changed (CLIENT_FOUND_ROWS for
  // MySQL).
  if (found > 0) return {};
  quoted.push_back(tables.quote("domain"));
  VSTATE_TRY(tables.write(fmt::format("INSERT INTO {} ({}) VALUES ({})", table, join(quoted, ", "),
                                      placeholders(quoted.size())),
                          values));
  return {};
}

namespace {

class SqlCounter final : public DomainsCounter {
 public:
  explicit SqlCounter(Tables& tables) : tables_(tables) {}
  Result<DirControl> read(const Owner& owner) const override {
    VSTATE_TRY_ASSIGN(const auto counter, read_counter(tables_, key_of(owner)));
    // vpopmail takes the same values for a row that is not there.
    return counter.value_or(DirControl{});
  }
  Status write(const Owner& owner, const DirControl& counter) override {
    VSTATE_TRY(tables_.make({tables_.layout().dir_control()}));
    return write_counter(tables_, key_of(owner), counter);
  }

 private:
  Tables& tables_;
};

}  // namespace

std::unique_ptr<DomainsCounter> make_counter(Tables& tables) {
  return std::make_unique<SqlCounter>(tables);
}

}  // namespace vstate::sql
