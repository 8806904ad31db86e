// SQLite rolls a journal back only into a file that it may write. A plan may not write, and must
// not show what a killed run left half way, so this follows the documented format of the journal in
// memory. Whatever the journal says is checked against the sizes of both files before it is
// believed.

#include "sqlite/journal.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace vstate::sqlite {

namespace {

constexpr std::string_view k_magic("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
/// What SQLite expects before a header has told.
constexpr std::size_t k_sector_bytes = 512;
/// The header says so where it does not know how many records follow.
constexpr std::uint32_t k_all_that_follow = 0xffffffff;
/// SQLite locks bytes of this place and keeps nothing in the page that holds them.
constexpr std::uint64_t k_lock_byte = 0x40000000;

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i)
    number = (number << 8U) | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

bool is_power_of_two(std::uint32_t number) { return number != 0 && (number & (number - 1)) == 0; }

struct Header {
  std::uint32_t records = 0, nonce = 0, pages = 0, sector = 0, page_size = 0;
};

/// A header fills a sector of the disk that it was written for; one that was cut off is none.
std::optional<Header> header_at(std::string_view journal, std::size_t at, std::size_t sector) {
  if (at > journal.size() || journal.size() - at < sector ||
      journal.compare(at, k_magic.size(), k_magic) != 0)
    return std::nullopt;
  const Header header{number_at(journal, at + 8), number_at(journal, at + 12),
                      number_at(journal, at + 16), number_at(journal, at + 20),
                      number_at(journal, at + 24)};
  constexpr std::uint32_t most = 65536;
  const bool is_sane = is_power_of_two(header.sector) && is_power_of_two(header.page_size) &&
                       header.sector >= k_sector_bytes && header.sector <= most &&
                       header.page_size >= 512 && header.page_size <= most;
  return is_sane ? std::optional(header) : std::nullopt;
}

/// A few bytes of each page are enough to tell one that was not written whole.
std::uint32_t checksum_of(std::string_view page, std::uint32_t nonce) {
  constexpr std::size_t stride = 200;
  std::uint32_t sum = nonce;
  for (std::size_t at = page.size() - stride; at > 0 && at < page.size(); at -= stride)
    sum += static_cast<unsigned char>(page[at]);
  return sum;
}

}  // namespace

std::string rolled_back(std::string database, std::string_view journal) {
  auto header = header_at(journal, 0, k_sector_bytes);
  if (!header) return database;
  const std::size_t page_size = header->page_size;
  const auto size = header->pages * page_size;
  // No more can have been there than is there now and was saved.
  if (size > database.size() + journal.size()) return database;
  database.resize(size);
  const std::size_t record_size = 4 + page_size + 4;
  std::size_t at = 0;
  while (header && header->page_size == page_size) {
    at += header->sector;
    const auto left = at < journal.size() ? (journal.size() - at) / record_size : 0;
    const auto records =
        header->records == k_all_that_follow ? left : std::min<std::size_t>(header->records, left);
    for (std::size_t i = 0; i < records; ++i, at += record_size) {
      const auto number = number_at(journal, at);
      const auto page = journal.substr(at + 4, page_size);
      if (number == 0 || number == k_lock_byte / page_size + 1 ||
          // A record that was not written whole ends the journal, as for SQLite: the page that it
          // saves was not changed yet.
          number_at(journal, at + 4 + page_size) != checksum_of(page, header->nonce))
        return database;
      if (number <= header->pages) database.replace((number - 1) * page_size, page_size, page);
    }
    // A transaction that outgrew SQLite's cache has more than one header, each at the start of a
    // sector.
    at = (at + header->sector - 1) / header->sector * header->sector;
    header = header_at(journal, at, header->sector);
  }
  return database;
}

}  // namespace vstate::sqlite
