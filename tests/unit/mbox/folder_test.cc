#include "mbox/folder.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <rapidcheck.h>

#include "mbox/from_line.h"
#include "mbox/numbered.h"
#include "support/catch.h"
#include "vstate/base/text.h"

using namespace vstate;
using vstate::test::ContainsSubstring;

namespace {

constexpr std::string_view k_line = "From joe@example.org Wed Mar  3 09:20:30 2021\n";
constexpr std::int64_t k_date = 1614763230;

std::string bytes_of(std::string_view text, const mbox::Message& message) {
  std::string out;
  mbox::for_each_part(text, message, [&](std::string_view part) { out += part; });
  return out;
}

mbox::Folder parsed(std::string_view text, bool is_qmails = false) {
  auto folder = mbox::parse(text, {{}, is_qmails});
  REQUIRE(folder);
  return *std::move(folder);
}

std::vector<std::string> messages_in(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& message : parsed(text).messages) {
    out.push_back(bytes_of(text, message));
    CHECK(out.back().size() == message.size);
  }
  return out;
}

std::string line(std::string_view text) { return std::string(k_line) + std::string(text); }

/// What a program is given to store.
struct Stored {
  std::string headers, body;  ///< `headers` without the blank line
  std::int64_t date = k_date;
  std::uint8_t flags = 0;
  std::vector<std::string> keywords;
  [[nodiscard]] std::string bytes() const { return headers + "\n" + body; }
};

std::string quoted(const std::string& text, bool all) {
  std::string out;
  for (const auto part : split_lines(text)) {
    const auto from = part.find_first_not_of('>');
    const bool is_from = from != std::string_view::npos && part.substr(from).starts_with("From ");
    if (is_from && (all || from == 0)) out += '>';
    out += std::string(part) + "\n";
  }
  return out;
}

std::string from_line(std::int64_t date) {
  const std::chrono::sys_seconds at{std::chrono::seconds(date)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day ymd(day);
  const std::chrono::hh_mm_ss time(at - day);
  constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("From joe@example.org {} {} {:2} {:02}:{:02}:{:02} {}\n",
                     days.at(std::chrono::weekday(day).c_encoding()),
                     months.at(static_cast<unsigned>(ymd.month()) - 1),
                     static_cast<unsigned>(ymd.day()), time.hours().count(), time.minutes().count(),
                     time.seconds().count(), static_cast<int>(ymd.year()));
}

enum class Writer { qmail, delivery_agent, dovecot };

std::string written(const Stored& mail, Writer writer) {
  auto out = from_line(mail.date);
  if (writer == Writer::qmail)
    return out + "Return-Path: <joe@example.org>\nDelivered-To: al@x.org\n" +
           quoted(mail.bytes(), true) + "\n";
  if (writer == Writer::delivery_agent) return out + quoted(mail.bytes(), false) + "\n";
  out += mail.headers + "Status: O";
  if ((mail.flags & mbox::seen) != 0) out += "R";
  out += "\nX-Status: ";
  if ((mail.flags & mbox::flagged) != 0) out += "F";
  if ((mail.flags & mbox::draft) != 0) out += "T";
  out += "\nX-Keywords:";
  for (const auto& keyword : mail.keywords) out += " " + keyword;
  return out + fmt::format("      \nContent-Length: {}\n\n{}\n", mail.body.size(), mail.body);
}

rc::Gen<std::string> body_of_lines() {
  const auto part = rc::gen::element<std::string>(
      "text\n", "\n", ">", "From ", "From joe Mon Jan  1 00:00:00 2001\n", ">From x\n",
      ">>From joe@x Mon Jan  1 00:00:00 2001\n", "\r\n", "Status: RO\n", "X-UID: 7\n",
      std::string("a\0b\n", 4), "\xff\xfe\n", "Content-Length: 3\n", " folded\n", "From: a@b\n");
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(part),
                      [](const std::vector<std::string>& parts) {
                        std::string out;
                        for (const auto& one : parts) out += one;
                        if (!out.empty() && out.back() != '\n') out += '\n';
                        return out;
                      });
}

rc::Gen<Stored> stored() {
  return rc::gen::build<Stored>(
      rc::gen::set(&Stored::headers,
                   rc::gen::element<std::string>("Subject: a\n", "Subject: a\n folded\nTo: b@c\n",
                                                 "X-Other: From here\n")),
      rc::gen::set(&Stored::body, body_of_lines()),
      rc::gen::set(&Stored::date, rc::gen::inRange<std::int64_t>(0, 4'000'000'000)),
      rc::gen::set(&Stored::flags,
                   rc::gen::element<std::uint8_t>(0, mbox::seen, mbox::flagged,
                                                  mbox::seen | mbox::flagged | mbox::draft)),
      rc::gen::set(&Stored::keywords, rc::gen::elementOf(std::vector<std::vector<std::string>>{
                                          {}, {"Work"}, {"Work", "$Forwarded"}})));
}

}  // namespace

TEST_CASE("what a writer stores is read as it was", "[mbox][property]") {
  const auto writer = GENERATE(Writer::qmail, Writer::delivery_agent, Writer::dovecot);
  CAPTURE(static_cast<int>(writer));
  CHECK(rc::check("read(write(x)) == x", [writer] {
    auto mails = *rc::gen::container<std::vector<Stored>>(stored());
    std::string text;
    for (auto& mail : mails) {
      // Programs of this kind do not quote what is quoted, so that it cannot be told apart later.
      if (writer == Writer::delivery_agent)
        mail.body = replace_all("\n" + mail.body, "\n>From ", "\n From ").substr(1);
      text += written(mail, writer);
    }
    const auto folder = mbox::parse(text, {});
    RC_ASSERT(folder.has_value());
    RC_ASSERT(folder->messages.size() == mails.size());
    for (std::size_t i = 0; i < mails.size(); ++i) {
      const auto& message = folder->messages[i];
      const auto prefix = writer == Writer::qmail
                              ? "Return-Path: <joe@example.org>\nDelivered-To: al@x.org\n"
                              : std::string();
      RC_ASSERT(bytes_of(text, message) == prefix + mails[i].bytes());
      RC_ASSERT(message.date == mails[i].date);
      if (writer != Writer::dovecot) continue;
      RC_ASSERT(message.flags == (mails[i].flags | mbox::old));
      std::vector<std::string> keywords;
      for (std::size_t k = 0; k < folder->keywords.size(); ++k)
        if (((message.keywords >> k) & 1U) != 0) keywords.push_back(folder->keywords[k]);
      std::sort(keywords.begin(), keywords.end());
      auto wanted = mails[i].keywords;
      std::sort(wanted.begin(), wanted.end());
      RC_ASSERT(keywords == wanted);
    }
  }));
}

TEST_CASE("any bytes are read without a fault, and none is in two messages", "[mbox][property]") {
  CHECK(rc::check("garbage", [] {
    const auto text = std::string(k_line) + *body_of_lines() + *body_of_lines();
    const auto cut = *rc::gen::inRange<std::size_t>(k_line.size(), text.size() + 1);
    const auto folder = mbox::parse(std::string_view(text).substr(0, cut), {});
    RC_ASSERT(folder.has_value());
    std::uint64_t end = 0;
    for (const auto& message : folder->messages) {
      RC_ASSERT(message.at >= end);
      end = message.at + message.length;
      RC_ASSERT(end <= cut);
    }
  }));
}

TEST_CASE("dates are read in all forms", "[mbox]") {
  const auto shown = GENERATE(
      "joe Wed Mar  3 09:20:30 2021", "joe Wed Mar 3 09:20:30 2021",
      "joe  Wed Mar 03 09:20:30 2021", "Wed Mar  3 09:20:30 2021",
      "joe doe Wed Mar  3 09:20:30 2021", "- Wed Mar 03 09:20:30 2021",
      "joe Wed Mar  3 09:20:30 UTC 2021", "joe Wed Mar  3 09:20:30 2021 GMT",
      "joe Wed Mar  3 10:20:30 2021 +0100", "joe Wed Mar  3 10:20:30 +0100 2021",
      "joe Wed, 3 Mar 2021 10:20:30 +0100", "joe Wed Mar  3 09:20:30 EST 2021",
      "joe Wed Mar  3 09:20:30 2021 remote from host", "joe Wed Mar  3 09:20:30 MET DST 2021",
      "joe@Wed wed mar 3 09:20:30 21", "joe Wed Mar  3 09:20:30 2021\r");
  CAPTURE(shown);
  const auto found = mbox::parse_from_line(std::string("From ") + shown);
  REQUIRE(found);
  CHECK(found->date({}).time_since_epoch().count() == k_date);
}

TEST_CASE("a line of text is no From_ line", "[mbox]") {
  const auto text = GENERATE("From here on", "From joe", "From joe Wed Mar 32 09:20:30 2021",
                             "From joe Wed Feb 30 09:20:30 2021", "From joe Wed Mar 3 25:20 2021",
                             "From joe Wed Mar 3 09:20:30", "from joe Wed Mar 3 09:20:30 2021",
                             "From: joe Wed Mar 3 09:20:30 2021", "");
  CHECK_FALSE(mbox::parse_from_line(text));
}

TEST_CASE("messages end where they should", "[mbox]") {
  CHECK(messages_in("").empty());
  CHECK(messages_in("\n\n").empty());
  CHECK(messages_in(line("")) == std::vector<std::string>{""});
  CHECK(messages_in(line("Subject: a\n\nb\n\n") + line("Subject: c\n\nd\n")) ==
        std::vector<std::string>{"Subject: a\n\nb\n", "Subject: c\n\nd\n"});
  SECTION("one blank line is the mbox's, others are the message's") {
    CHECK(messages_in(line("a: b\n\nc\n\n\n")) == std::vector<std::string>{"a: b\n\nc\n\n"});
  }
  SECTION("without an end of line, and without a body") {
    CHECK(messages_in(line("a: b\n\nc")) == std::vector<std::string>{"a: b\n\nc"});
    CHECK(messages_in(line("a: b\n\n") + line("c: d\n\n")) ==
          std::vector<std::string>{"a: b\n", "c: d\n"});
    CHECK(messages_in(line("\n") + line("\n")) == std::vector<std::string>{"", ""});
  }
  SECTION("a From_ line in a text is text, and one in front of headers is none") {
    CHECK(messages_in(line("a: b\n\nc\n" + line("d\n\n"))).size() == 1);
    CHECK(messages_in(line("a: b\n\nc\n" + line("d: e\n\nf\n"))) ==
          std::vector<std::string>{"a: b\n\nc\n", "d: e\n\nf\n"});
    CHECK(messages_in(line("a: b\n" + line("d: e\n\nf\n"))) ==
          std::vector<std::string>{"a: b\n", "d: e\n\nf\n"});
  }
  SECTION("ends of lines as on DOS") {
    const std::string dos = "From joe Wed Mar  3 09:20:30 2021\r\n";
    CHECK(messages_in(dos + "a: b\r\n\r\nc\r\n\r\n" + dos + "d: e\r\n\r\nf\r\n") ==
          std::vector<std::string>{"a: b\r\n\r\nc\r\n", "d: e\r\n\r\nf\r\n"});
  }
}

TEST_CASE("a Content-Length counts only where it fits", "[mbox]") {
  const std::string inner = line("x: y\n");
  const auto size = inner.size() + 1;
  const auto with = [&](std::size_t length) {
    return line(fmt::format("a: b\nContent-Length: {}\n\n\n{}\n", length, inner));
  };
  CHECK(messages_in(with(size)) == std::vector<std::string>{"a: b\n\n\n" + inner});
  CHECK(messages_in(with(size) + line("c: d\n\ne\n")).size() == 2);
  for (const auto wrong : {std::size_t{0}, std::size_t{1}, size - 1, size + 2, std::size_t{99999}})
    CHECK(messages_in(with(wrong)).size() == 2);
}

TEST_CASE("quotes are taken off as the writer put them", "[mbox]") {
  const std::string qmail = "Return-Path: <a@b>\nDelivered-To: c@d\n\n";
  CHECK(messages_in(line(qmail + ">From a\n>>From b\n>x\n")) ==
        std::vector<std::string>{qmail + "From a\n>From b\n>x\n"});
  CHECK(messages_in(line("a: b\n\n>From a\n>>From b\n")) ==
        std::vector<std::string>{"a: b\n\nFrom a\n>>From b\n"});
  CHECK(messages_in(line("a: b\nContent-Length: 8\n\n>From a\n\n")) ==
        std::vector<std::string>{"a: b\n\n>From a\n"});
}

TEST_CASE("UIDs are believed as far as a server gave them", "[mbox]") {
  const auto mail = [](const std::string& headers) { return line(headers + "a: b\n\nc\n\n"); };
  const auto uids = [](const mbox::Folder& folder) {
    std::vector<std::uint32_t> out;
    for (const auto& message : folder.messages) out.push_back(message.uid);
    return out;
  };
  SECTION("in their order") {
    const auto text = mail("X-IMAPbase: 77 0000000009 Work $x\nX-UID: 3\nStatus: RO\n") +
                      mail("X-UID: 5\nX-Keywords: $x\n") + mail("");
    const auto folder = parsed(text);
    CHECK(folder.validity == 77);
    CHECK(uids(folder) == std::vector<std::uint32_t>{3, 5, 10});
    CHECK(folder.next == 11);
    CHECK(folder.keywords == std::vector<std::string>{"Work", "$x"});
    CHECK(folder.messages[1].keywords == 2);
    CHECK(bytes_of(text, folder.messages[0]) == "a: b\n\nc\n");
  }
  SECTION("no other ones") {
    const auto folder = parsed(mail("X-IMAPbase: 77 9\nX-UID: 3\n") + mail("X-UID: 3\n") +
                               mail("X-UID: 4294967290\n") + mail("X-UID: 9\n"));
    CHECK(uids(folder) == std::vector<std::uint32_t>{3, 10, 11, 9});
  }
  SECTION("none without a UIDVALIDITY") {
    CHECK(uids(parsed(mail("X-UID: 3\n"))) == std::vector<std::uint32_t>{0});
  }
  SECTION("of the message that is none") {
    const auto text =
        "From MAILER-DAEMON Wed Mar  3 09:20:30 2021\n"
        "From: Mail System Internal Data <MAILER-DAEMON@x>\n"
        "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
        "X-IMAP: 77 0000000002 Work\nStatus: RO\n\nThis text is part of it.\n\n" +
        mail("X-UID: 2\n");
    const auto folder = parsed(text);
    CHECK(folder.validity == 77);
    CHECK(uids(folder) == std::vector<std::uint32_t>{2});
    CHECK(folder.keywords == std::vector<std::string>{"Work"});
  }
}

TEST_CASE("what is no mbox is refused", "[mbox]") {
  for (const std::string text : {"*mbx*\r\n",
                                 "\x7f"
                                 "ELF",
                                 "Subject: a\n\n", "From here on\n"}) {
    CHECK_FALSE(mbox::is_mbox(text));
    const auto folder = mbox::parse(text, {});
    REQUIRE_FALSE(folder);
    CHECK_THAT(folder.error().message, ContainsSubstring("no mbox"));
  }
}

TEST_CASE("equal messages have names of their own, whatever is in front of them", "[mbox]") {
  const auto named = [](const std::string& text) {
    auto spool_folder = parsed(text);
    std::vector<mbox::Loaded> loaded;
    loaded.push_back({nullptr, std::move(spool_folder)});
    const mbox::NumberedFolder folder(std::move(loaded), {});
    std::vector<std::string> out;
    for (std::size_t i = 0; i < folder.size(); ++i) {
      out.push_back(folder.name(i));
      CHECK(folder.find(out.back()) == i);
    }
    return out;
  };
  const auto one = line("a: b\n\nc\n\n"), other = line("d: e\n\nf\n\n");
  const auto first = named(one + one);
  REQUIRE(first.size() == 2);
  CHECK(first[1] == first[0].substr(0, first[0].find(".mbox")) + "R1.mbox,S=8");
  const auto second = named(other + one + one);
  REQUIRE(second.size() == 3);
  for (const auto& name : first) CHECK(std::count(second.begin(), second.end(), name) == 1);
  CHECK(named(line("Status: RO\nX-Status: AF\na: b\n\nc\n\n"))[0] == first[0] + ":2,FRS");
}
