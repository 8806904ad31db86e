// The counters of hashed directories: a row for each domain, and one for the domains of each owner.

#include <fmt/format.h>

#include "store/sql_store.h"
#include "vstate/base/text.h"

namespace vstate {

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

Result<std::optional<DirControl>> SqlStore::read_counter(const std::string& key) {
  const auto table = layout_.dir_control();
  std::optional<DirControl> found;
  if (!table.exists) return found;
  std::vector<std::string> quoted;
  for (const auto& name : columns()) quoted.push_back(quote(name));
  VSTATE_TRY(database_->run(fmt::format("SELECT {} FROM {} WHERE {} = ?", join(quoted, ", "),
                                        quote(table.name), quote("domain")),
                            {key}, [&](const sql::Values& row) {
                              DirControl control;
                              control.current_users = to_number(row[0].value_or("")).value_or(0);
                              control.directory = row[1].value_or("");
                              std::size_t at = 2;
                              for_each_number(control, [&](const std::string&, int& number) {
                                number =
                                    static_cast<int>(to_number(row[at++].value_or("")).value_or(0));
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

Status SqlStore::write_counter(const std::string& key, const DirControl& control) {
  const auto table = quote(layout_.dir_control().name);
  std::vector<std::string> quoted, assignments;
  for (const auto& name : columns()) {
    quoted.push_back(quote(name));
    assignments.push_back(quote(name) + " = ?");
  }
  sql::Values values{std::to_string(control.current_users), control.directory};
  for_each_number(control, [&](const std::string&, int number) {
    values.emplace_back(std::to_string(number));
  });
  values.emplace_back(key);
  VSTATE_TRY_ASSIGN(const auto found, write(fmt::format("UPDATE {} SET {} WHERE {} = ?", table,
                                                        join(assignments, ", "), quote("domain")),
                                            values));
  if (found > 0) return {};
  quoted.push_back(quote("domain"));
  VSTATE_TRY(write(fmt::format("INSERT INTO {} ({}) VALUES ({})", table, join(quoted, ", "),
                               sql::placeholders(quoted.size())),
                   values));
  return {};
}

Result<Placement> SqlStore::read_placement(const DomainLocation& domain) {
  Placement placement;
  VSTATE_TRY_ASSIGN(const auto counter, read_counter(domain.name.text()));
  placement.counter = counter.value_or(DirControl{});
  VSTATE_TRY_ASSIGN(placement.free_directories, read_free_directories(domain));
  return placement;
}

Result<DirControl> SqlStore::read_domains_counter(const Owner& owner) {
  VSTATE_TRY_ASSIGN(const auto counter, read_counter(key_of(owner)));
  return counter.value_or(DirControl{});
}

Status SqlStore::write_domains_counter(const Owner& owner, const DirControl& counter) {
  VSTATE_TRY(make_tables({layout_.dir_control()}));
  return write_counter(key_of(owner), counter);
}

}  // namespace vstate
