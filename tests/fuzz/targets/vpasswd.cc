// vpasswd, and the cdb that is made of it.

#include "format/vpasswd.h"

#include "format/cdb.h"
#include "fuzz.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(vpasswd) {
  auto file = vpasswd::File::parse(bytes);
  const auto again = vpasswd::File::parse(file.bytes());
  VSTATE_ASSERT(again.records() == file.records());
  VSTATE_ASSERT(again.bytes() == file.bytes());

  const auto records = file.cdb_records();
  VSTATE_ASSERT(records.size() == file.records().size());
  const auto index = cdb::write(records);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto& record = file.records()[i];
    const auto back = vpasswd::from_cdb(records[i].first, records[i].second);
    VSTATE_ASSERT(back && *back == record);
    const auto* first = file.find(record.name);
    VSTATE_ASSERT(first != nullptr && first->name == record.name);
    const auto found = cdb::find(index, record.name);
    VSTATE_ASSERT(found && *vpasswd::from_cdb(record.name, *found) == *first);
    VSTATE_ASSERT(vpasswd::line_length(record) == vpasswd::to_line(record).size() + 1);
  }

  if (file.records().empty()) return;
  auto record = file.records().front();
  const auto name = record.name;
  VSTATE_ASSERT(file.remove(name).has_value());
  VSTATE_ASSERT(file.find(name) == nullptr);
  VSTATE_ASSERT(file.insert(record).has_value() == vpasswd::check(record).has_value());
  if (!vpasswd::check(record)) return;
  VSTATE_ASSERT(file.find(name) != nullptr && *file.find(name) == record);
  record.gecos = "changed";
  VSTATE_ASSERT(file.replace(record).has_value());
  VSTATE_ASSERT(*vpasswd::File::parse(file.bytes()).find(name) == record);
}
