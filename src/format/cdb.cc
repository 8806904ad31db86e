// A header of 256 pairs (position and length of a hash table), the records one after the other,
// then the tables. `find` goes the way of a reader and forgives damage elsewhere. `read` proves the
// whole file instead: a record that is there and that no reader finds would be an account that
// cannot log in.

#include "format/cdb.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

namespace vstate::cdb {

namespace {

constexpr std::size_t k_tables = 256;
constexpr std::size_t k_header = k_tables * 8;  ///< a position and a length for each table

/// The caller has made sure that four bytes stand at `at`.
std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

void append_number(std::string& out, std::size_t value) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xFF);
}

struct Table {
  std::size_t position = 0;
  std::size_t slots = 0;
  [[nodiscard]] std::size_t end() const { return position + slots * 8; }
};

struct Slot {
  std::uint32_t hash = 0;
  std::size_t position = 0;
};

/// Where a record stands, and the hash of its key.
struct Extent {
  std::size_t position = 0;
  std::uint32_t hash = 0;
};

Table table_at(std::string_view bytes, std::size_t number) {
  return {number_at(bytes, number * 8), number_at(bytes, number * 8 + 4)};
}

/// `turn` may run past the last slot: it wraps.
Slot slot_at(std::string_view bytes, const Table& table, std::size_t turn) {
  const std::size_t at = table.position + turn % table.slots * 8;
  return {number_at(bytes, at), number_at(bytes, at + 4)};
}

tl::unexpected<Error> broken(std::string what) {
  return fail(Errc::invalid, "cdb: " + std::move(what));
}

/// Where the records end, once the tables are known to fill the file from there to its end.
Result<std::size_t> end_of_records(std::string_view bytes, std::array<Table, k_tables>& tables) {
  std::vector<Table> used;
  for (std::size_t number = 0; number < k_tables; ++number) {
    const Table table = tables[number] = table_at(bytes, number);
    // All offsets are checked here against the size of the file, so that no later step can read
    // past it.
    if (table.end() > bytes.size())
      return broken(fmt::format("table {} lies behind the end of the file", number));
    if (table.slots > 0) used.push_back(table);
  }
  // Another writer than cdbmake may put the tables into any order.
  std::sort(used.begin(), used.end(),
            [](const Table& a, const Table& b) { return a.position < b.position; });
  // A file without records has tables of length 0 only, whose positions mean nothing.
  std::size_t at = used.empty() ? k_header : used.front().position;
  const std::size_t end = at;
  if (end < k_header) return broken("a table lies within the header");
  for (const Table& table : used) {
    if (table.position != at) return broken("the tables overlap or leave a gap");
    at = table.end();
  }
  if (at != bytes.size()) return broken("the tables do not reach the end of the file");
  return end;
}

struct Parsed {
  Records records;
  std::vector<Extent> extents;
};

Result<Parsed> parse_records(std::string_view bytes, std::size_t end) {
  Parsed out;
  for (std::size_t at = k_header; at < end;) {
    if (end - at < 8) return broken(fmt::format("the record at {} is cut off", at));
    const std::size_t key_length = number_at(bytes, at);
    const std::size_t data_length = number_at(bytes, at + 4);
    // The lengths come from the file: each is compared with what is left, since their sum could
    // wrap.
    if (key_length > end - at - 8 || data_length > end - at - 8 - key_length)
      return broken(fmt::format("the record at {} runs into the tables", at));
    const auto key = bytes.substr(at + 8, key_length);
    out.records.emplace_back(key, bytes.substr(at + 8 + key_length, data_length));
    out.extents.push_back({at, hash(key)});
    at += 8 + key_length + data_length;
  }
  return out;
}

/// Whether a reader who looks for the record meets it, and before it no later record of the same
/// hash, which could be one of the same key.
bool is_reachable(std::string_view bytes, const Table& table, const Extent& record) {
  for (std::size_t turn = 0; turn < table.slots; ++turn) {
    // The first slot to look at is the upper part of the hash; from there on slots follow until an
    // empty one.
    const Slot slot = slot_at(bytes, table, record.hash / k_tables % table.slots + turn);
    if (slot.position == record.position) return slot.hash == record.hash;
    if (slot.position == 0) return false;
    if (slot.hash == record.hash && slot.position > record.position) return false;
  }
  return false;
}

/// How many records a table points to.
std::size_t used_slots(std::string_view bytes, const Table& table) {
  std::size_t used = 0;
  for (std::size_t turn = 0; turn < table.slots; ++turn)
    if (slot_at(bytes, table, turn).position != 0) ++used;
  return used;
}

}  // namespace

std::uint32_t hash(std::string_view key) {
  std::uint32_t value = 5381;
  // 32 bits and unsigned bytes, on every machine: the file goes from one to the other.
  for (const char byte : key) value = value * 33 ^ static_cast<unsigned char>(byte);
  return value;
}

Result<Records> read(std::string_view bytes) {
  if (bytes.size() < k_header) return broken("shorter than its header");
  // Positions have 32 bits, so nothing behind 4 GiB could be pointed at.
  if (bytes.size() > std::numeric_limits<std::uint32_t>::max()) return broken("above 4 GiB");
  std::array<Table, k_tables> tables;
  VSTATE_TRY_ASSIGN(const std::size_t end, end_of_records(bytes, tables));
  VSTATE_TRY_ASSIGN(Parsed parsed, parse_records(bytes, end));
  std::array<std::size_t, k_tables> counts{};
  for (const Extent& record : parsed.extents) {
    const std::size_t number = record.hash % k_tables;
    ++counts[number];
    if (!is_reachable(bytes, tables[number], record))
      return broken(fmt::format("the record at {} is not found by its key", record.position));
  }
  // Each record has a slot of its own, so equal numbers leave no slot that points elsewhere.
  for (std::size_t number = 0; number < k_tables; ++number)
    if (used_slots(bytes, tables[number]) != counts[number])
      return broken(fmt::format("table {} does not match the records", number));
  return std::move(parsed.records);
}

std::string write(const Records& records) {
  std::string body(k_header, '\0');
  // Records go out in their order while their slots are gathered; the header comes last, when it is
  // known where the tables stand.
  std::array<std::vector<Slot>, k_tables> slots;
  for (const auto& [key, data] : records) {
    const std::uint32_t value = hash(key);
    slots[value % k_tables].push_back({value, body.size()});
    append_number(body, key.size());
    append_number(body, data.size());
    body.append(key).append(data);
  }
  std::string header;
  // An empty table still has a position, as cdbmake writes it.
  for (const auto& list : slots) {
    append_number(header, body.size());
    append_number(header, list.size() * 2);
    std::vector<Slot> table(list.size() * 2);
    for (const Slot& slot : list) {
      // Twice as many slots as records: there always is a free one, and probing stays short. In the
      // order of the records, the first of equal keys is met first.
      std::size_t at = slot.hash / k_tables % table.size();
      while (table[at].position != 0) at = (at + 1) % table.size();
      table[at] = slot;
    }
    for (const Slot& slot : table) {
      append_number(body, slot.hash);
      append_number(body, slot.position);
    }
  }
  VSTATE_ASSERT(body.size() <= std::numeric_limits<std::uint32_t>::max());
  body.replace(0, k_header, header);
  return body;
}

std::optional<std::string> find(std::string_view bytes, std::string_view key) {
  if (bytes.size() < k_header) return std::nullopt;
  const std::uint32_t value = hash(key);
  const Table table = table_at(bytes, value % k_tables);
  if (table.slots == 0 || table.end() > bytes.size()) return std::nullopt;
  for (std::size_t turn = 0; turn < table.slots; ++turn) {
    const Slot slot = slot_at(bytes, table, value / k_tables % table.slots + turn);
    // An empty slot ends the search: the record would stand here or before.
    if (slot.position == 0) return std::nullopt;
    if (slot.hash != value) continue;
    if (slot.position + 8 > bytes.size()) return std::nullopt;
    const std::size_t key_length = number_at(bytes, slot.position);
    const std::size_t data_length = number_at(bytes, slot.position + 4);
    const auto rest = bytes.substr(slot.position + 8);
    // Different keys can have one hash; only the bytes decide.
    if (key_length != key.size() || !rest.starts_with(key)) continue;
    if (data_length > rest.size() - key_length) return std::nullopt;
    return std::string(rest.substr(key_length, data_length));
  }
  return std::nullopt;
}

}  // namespace vstate::cdb
